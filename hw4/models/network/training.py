"""What a network is given and asked for where it is trained on generated scenes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

# A network, or a function that runs one in another precision.
Forward = Callable[..., Any]


@dataclass
class Views:
    """A batch of B scenes with V views each.

    Attributes:
        images: (B, V, 3, H, W) float32 in [0, 1].
        depth: (B, V, H, W) float32, metres.
        cam_from_world: (B, V, 4, 4) float32; the first view of each scene is the identity.
        K: (3, 3) float32, pixels.
    """

    images: torch.Tensor
    depth: torch.Tensor
    cam_from_world: torch.Tensor
    K: torch.Tensor

    def to(self, device: torch.device) -> "Views":
        """The batch on a device."""
        tensors = (self.images, self.depth, self.cam_from_world, self.K)
        return Views(*(tensor.to(device, non_blocking=True) for tensor in tensors))

    def pts3d(self) -> torch.Tensor:
        """(B, V, H, W, 3) points of every view in its scene's first camera."""
        height, width = self.depth.shape[-2:]
        v, u = torch.meshgrid(
            torch.arange(height, device=self.depth.device) + 0.5,
            torch.arange(width, device=self.depth.device) + 0.5,
            indexing="ij",
        )
        rays = torch.stack(
            [(u - self.K[0, 2]) / self.K[0, 0], (v - self.K[1, 2]) / self.K[1, 1], torch.ones_like(u)], dim=-1
        )
        in_camera = rays * self.depth[..., None]
        first_from_cam = torch.linalg.inv(self.cam_from_world)
        rotated = torch.einsum("bvij,bvhwj->bvhwi", first_from_cam[..., :3, :3], in_camera)
        return rotated + first_from_cam[:, :, None, None, :3, 3]


@dataclass(frozen=True)
class Trainable:
    """How the small network of a model is made, trained and judged.

    Attributes:
        build: the network, freshly initialised.
        loss: the loss of `Views`, and its parts for the log.
        predict: of two-view scenes: (B, 2, H, W, 3) points in the first camera, on any scale, and for each
            scene the (3, 3) rotation from the first to the second camera, or None where there is none.
    """

    build: Callable[[], nn.Module]
    loss: Callable[[Forward, Views], tuple[torch.Tensor, dict[str, float]]]
    predict: Callable[[nn.Module, Views], tuple[np.ndarray, Sequence[np.ndarray | None]]]


def to_numpy(values: torch.Tensor) -> np.ndarray:
    """Values of any device and precision as float32."""
    return values.float().cpu().numpy()


def mean_distance(points: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1, 1) mean distance from the origin of (B, V, H, W, 3) points."""
    return points.norm(dim=-1).mean(dim=(1, 2, 3))[:, None, None, None, None].clamp(min=1e-6)
