"""Training cameras as they are learnt, and the scene's extent."""

from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hw4.geometry.cameras import camera_centers
from hw4.splat.training.camera_kernel import turn_and_shift, turn_and_shift_gradient


def scene_extent(cam_from_world: np.ndarray) -> float:
    """1.1 times the largest distance of a camera centre from their mean (3DGS ``getNerfppNorm``).

    It scales the position learning rate. Cameras all in one place give 1.
    """
    centers = camera_centers(cam_from_world)
    radius = float(np.linalg.norm(centers - centers.mean(axis=0), axis=1).max())
    return 1.1 * radius if radius > 1e-9 else 1.0


def first_parameters(kind: str, cam_from_world: Tensor) -> Tensor:
    """What is learnt of cameras (N, 4, 4), at the start: `splat.camera_parameters`.

    ``twist``: (N, 6) zeros, see `corrected`. ``quaternion``: (N, 7), a quaternion xyzw of any length and the
    translation.
    """
    if kind == "twist":
        return cam_from_world.new_zeros(len(cam_from_world), 6)
    quats_xyzw = roma.rotmat_to_unitquat(cam_from_world[:, :3, :3])
    return torch.cat([quats_xyzw, cam_from_world[:, :3, 3]], dim=-1)


def learnt_cameras(kind: str, cam_from_world: Tensor, parameters: Tensor, extent: float) -> Tensor:
    """(N, 4, 4) cameras that started at `cam_from_world`; differentiable in their parameters.

    Args:
        kind: as in `first_parameters`.
        cam_from_world: (N, 4, 4) at the start.
        parameters: (N, 6 or 7) as they stand.
        extent: the scene's, the unit of a twist's shift.
    """
    if kind == "twist":
        return corrected(cam_from_world, parameters, extent)
    rotation = roma.unitquat_to_rotmat(torch.nn.functional.normalize(parameters[:, :4], dim=-1))
    top = torch.cat([rotation, parameters[:, 4:, None]], dim=-1)
    return torch.cat([top, cam_from_world[:, 3:]], dim=-2)


def corrected(cam_from_world: Tensor, delta: Tensor, extent: float) -> Tensor:
    """Apply corrections (..., 6) to cameras (..., 4, 4): axis-angle in radians, then translation.

    The translation counts in units of the scene's extent, so that one learning rate fits any scale.
    Differentiable in the corrections.
    """
    if delta.device.type == "cpu":
        return _Corrected.apply(cam_from_world, delta, extent)
    return corrected_torch(cam_from_world, delta, extent)


def corrected_torch(cam_from_world: Tensor, delta: Tensor, extent: float) -> Tensor:
    """`corrected` in torch alone, on any device, differentiable in the cameras too."""
    rotation = roma.rotvec_to_rotmat(delta[..., :3])
    turned = rotation @ cam_from_world[..., :3, :3]
    moved = (rotation @ cam_from_world[..., :3, 3:])[..., 0] + extent * delta[..., 3:]
    top = torch.cat([turned, moved[..., None]], dim=-1)
    bottom = cam_from_world[..., 3:, :]
    return torch.cat([top, bottom], dim=-2)


class _Corrected(torch.autograd.Function):
    """`corrected` with its gradient by hand."""

    @staticmethod
    def forward(ctx: Any, cam_from_world: Tensor, delta: Tensor, extent: float) -> Tensor:
        """(..., 4, 4), computed in float64."""
        cameras = cam_from_world.detach().double().reshape(-1, 4, 4).numpy()
        twists = delta.detach().double().reshape(-1, 6).numpy()
        result, turned, jacobians = (np.empty((len(twists), *shape)) for shape in ((4, 4), (3, 4), (3, 3)))
        turn_and_shift(cameras, twists, extent, result, turned, jacobians)
        ctx.given, ctx.shape, ctx.dtype = (extent, turned, jacobians), delta.shape, delta.dtype
        return torch.from_numpy(result).view(cam_from_world.shape).to(cam_from_world.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[None, Tensor, None]:
        """Gradient of the corrections."""
        v_twists = np.empty((len(ctx.given[1]), 6))
        v_cameras = v.detach().double().reshape(-1, 4, 4).numpy()
        extent, turned, jacobians = ctx.given
        turn_and_shift_gradient(v_cameras, extent, turned, jacobians, v_twists)
        return None, torch.from_numpy(v_twists).view(ctx.shape).to(ctx.dtype), None
