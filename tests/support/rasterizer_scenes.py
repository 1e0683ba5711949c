"""What is rendered where rasterizers are compared, and a loss that weighs every pixel."""

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from hw4.splat.rasterize import RasterOptions, Splats, Views
from tests.support.reference_rasterizer import random_scene

SIZE = {"width": 61, "height": 45}
LEAVES = ("means", "quats", "scales", "opacities", "colors", "viewmats")


def leaves(scene: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: v.clone().requires_grad_(name in LEAVES) for name, v in scene.items()}


def arguments(**flat: Any) -> tuple[Splats, Views, RasterOptions]:
    """The arguments of `rasterize` from their fields, in any order."""
    parts = []
    for kind in (Splats, Views, RasterOptions):
        parts.append(kind(**{f.name: flat.pop(f.name) for f in fields(kind) if f.name in flat}))
    assert not flat, flat
    return tuple(parts)  # type: ignore[return-value]


def loss_of(colors: Tensor, alphas: Tensor) -> Tensor:
    g = torch.Generator().manual_seed(7)
    weight = torch.randn(colors.shape, generator=g, dtype=torch.float64).to(colors)
    weight_alpha = torch.randn(alphas.shape, generator=g, dtype=torch.float64).to(alphas)
    return (colors * weight).sum() + (alphas * weight_alpha).sum()


def one_gaussian(**changes) -> dict[str, Tensor]:
    """A round Gaussian in the middle of the image, 2 units away."""
    scene = random_scene(1, **SIZE, dtype=torch.float64)
    scene["means"] = torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64)
    scene["scales"] = torch.full((1, 3), 0.1, dtype=torch.float64)
    scene["opacities"] = torch.tensor([0.8], dtype=torch.float64)
    for name, value in changes.items():
        scene[name] = torch.tensor([value], dtype=torch.float64).reshape(scene[name].shape)
    return scene
