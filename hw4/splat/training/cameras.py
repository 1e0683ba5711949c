"""Training cameras as they are learnt, and the scene's extent."""

from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hw4.geometry.cameras import camera_centers


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
    """`corrected` with its gradient by hand: one camera costs less than torch's dispatch of each step."""

    @staticmethod
    def forward(ctx: Any, cam_from_world: Tensor, delta: Tensor, extent: float) -> Tensor:
        """(..., 4, 4), computed in float64."""
        cameras, twists = cam_from_world.detach().double().numpy(), delta.detach().double().numpy()
        rotation, ctx.jacobian = _rotation(twists[..., :3])
        result = cameras.copy()
        result[..., :3, :] = rotation @ cameras[..., :3, :]
        # Where the axes and the origin are after the turn alone.
        ctx.turned, ctx.extent, ctx.dtype = result[..., :3, :].copy(), extent, delta.dtype
        result[..., :3, 3] += extent * twists[..., 3:]
        return torch.from_numpy(result).to(cam_from_world.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[None, Tensor, None]:
        """A small turn a after R makes it ``R + [a]x R``; a is the left Jacobian times the change."""
        v_top = v.detach().double().numpy()[..., :3, :]
        M = v_top @ np.swapaxes(ctx.turned, -1, -2)
        axial = np.stack(
            [M[..., 2, 1] - M[..., 1, 2], M[..., 0, 2] - M[..., 2, 0], M[..., 1, 0] - M[..., 0, 1]], axis=-1
        )
        v_turn = (np.swapaxes(ctx.jacobian, -1, -2) @ axial[..., None])[..., 0]
        v_delta = np.concatenate([v_turn, ctx.extent * v_top[..., 3]], axis=-1)
        return None, torch.from_numpy(v_delta).to(ctx.dtype), None


def _rotation(rotvecs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), and the left Jacobians of SO(3)."""
    angle = np.linalg.norm(rotvecs, axis=-1)[..., None, None]
    safe = np.maximum(angle, 1e-4)
    small = angle < 1e-4
    # sin x / x, (1 - cos x) / x^2, (x - sin x) / x^3; the first terms of their series near 0.
    first = np.where(small, 1 - angle**2 / 6, np.sin(safe) / safe)
    second = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    third = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    x, y, z = np.moveaxis(rotvecs, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*rotvecs.shape[:-1], 3, 3)
    square, eye = cross @ cross, np.eye(3)
    return eye + first * cross + second * square, eye + second * cross + third * square
