"""CPU rasterizer: projection, colours and blending, each a numba kernel with a hand-written backward."""

import math
from typing import Any

import torch
from torch import Tensor

from hw4.splat.rasterize import binning
from hw4.splat.rasterize.functions import Blend, Harmonics, Project


def rasterize_cpu(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    near_plane: float,
    far_plane: float,
    radius_clip: float,
    eps2d: float,
    sh_degree: int | None,
    backgrounds: Tensor | None,
    render_mode: str,
    rasterize_mode: str,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`hw4.splat.rasterize.rasterize` on the CPU; arguments as there, already checked."""
    C, N = len(viewmats), len(means)
    settings = (
        width,
        height,
        eps2d,
        near_plane,
        min(far_plane, torch.finfo(means.dtype).max),
        radius_clip,
        rasterize_mode == "antialiased",
    )
    means2d, conics, depths, compensations, extents, radii = Project.apply(
        means, quats, scales, viewmats, opacities, Ks, settings
    )
    opacities = opacities.expand(C, N)
    if rasterize_mode == "antialiased":
        opacities = opacities * compensations
    info: dict[str, Any] = {
        "camera_ids": None,
        "gaussian_ids": None,
        "radii": radii,
        "means2d": means2d,
        "depths": depths,
        "conics": conics,
        "opacities": opacities,
        "width": width,
        "height": height,
        "tile_size": binning.TILE_W,
        "tile_width": math.ceil(width / binning.TILE_W),
        "tile_height": math.ceil(height / binning.TILE_H),
        "n_batches": 1,
        "n_cameras": C,
    }
    if render_mode in ("D", "ED"):
        features = depths[..., None]
    elif sh_degree is not None:
        # Through the inverse, as gsplat does, so that gradients of viewmats agree entry by entry.
        centers = torch.linalg.inv(viewmats)[:, :3, 3]
        features = Harmonics.apply(means, colors, centers, radii, sh_degree)
    else:
        features = colors.expand(C, N, colors.shape[-1]) if colors.dim() == 2 else colors
    if render_mode in ("RGB+D", "RGB+ED"):
        features = torch.cat((features, depths[..., None]), dim=-1)
    render_colors, render_alphas = Blend.apply(
        means2d, conics, features, opacities, depths, extents, radii, width, height, info
    )
    if backgrounds is not None:
        if render_mode in ("D", "ED"):
            backgrounds = torch.zeros_like(render_colors[:, 0, 0])
        elif render_mode in ("RGB+D", "RGB+ED"):
            backgrounds = torch.cat((backgrounds, torch.zeros_like(backgrounds[:, :1])), dim=-1)
        render_colors = render_colors + (1 - render_alphas) * backgrounds[:, None, None]
    if render_mode in ("ED", "RGB+ED"):
        expected = render_colors[..., -1:] / render_alphas.clamp(min=1e-10)
        render_colors = torch.cat((render_colors[..., :-1], expected), dim=-1)
    return render_colors, render_alphas, info
