"""Training cameras with small learnt corrections, and the scene's extent."""

import numpy as np
import roma
import torch
from torch import Tensor

from hw4.geometry.cameras import camera_centers


def scene_extent(cam_from_world: np.ndarray) -> float:
    """1.1 times the largest distance of a camera centre from their mean (3DGS ``getNerfppNorm``).

    It scales the position learning rate. Cameras all in one place give 1.
    """
    centers = camera_centers(cam_from_world)
    radius = float(np.linalg.norm(centers - centers.mean(axis=0), axis=1).max())
    return 1.1 * radius if radius > 1e-9 else 1.0


def corrected(cam_from_world: Tensor, delta: Tensor, extent: float) -> Tensor:
    """Apply corrections (..., 6) to cameras (..., 4, 4): axis-angle in radians, then translation.

    The translation counts in units of the scene's extent, so that one learning rate fits any scale.
    """
    rotation = roma.rotvec_to_rotmat(delta[..., :3])
    turned = rotation @ cam_from_world[..., :3, :3]
    moved = (rotation @ cam_from_world[..., :3, 3:])[..., 0] + extent * delta[..., 3:]
    top = torch.cat([turned, moved[..., None]], dim=-1)
    bottom = cam_from_world[..., 3:, :]
    return torch.cat([top, bottom], dim=-2)
