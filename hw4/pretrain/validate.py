"""Rotation and point-map errors of a network in training, on scenes it never trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from hw4.models.network.upstream import import_vggt_pose_encoding, quiet
from hw4.pose.metrics import FAILURE_ERROR_DEG, rotation_error_deg
from hw4.pretrain.batches import SceneStream, Views
from hw4.pretrain.losses import dust3r_forward

VALIDATION_SEED = 9_999
OVERLAP_YAW_DEG = 45.0


@dataclass(frozen=True)
class Validation:
    """Means over the validation pairs; degrees, and point error relative to the mean point distance.

    `wide_deg` and `overlap_deg` split pairs at a true rotation of 45 degrees; None without such pairs. A pair
    without a camera (`n_failed` of them) counts as 180 degrees. `points` is None where a point is not finite.
    """

    rotation_deg: float
    overlap_deg: float | None
    wide_deg: float | None
    points: float | None
    n_failed: int


def validation_views(scenes: int) -> Views:
    """Two-view scenes of the validation seed."""
    return SceneStream(VALIDATION_SEED, scenes, 2).batch(0)


def _pnp_rotation(points: np.ndarray, K: np.ndarray) -> np.ndarray | None:
    if not np.isfinite(points).all():
        return None
    height, width = points.shape[:2]
    pixels = np.mgrid[:width, :height].T.astype(np.float32) + 0.5
    try:
        cv2.setRNGSeed(0)
        found, vector, _, _ = cv2.solvePnPRansac(
            points.reshape(-1, 3).astype(np.float32),
            pixels.reshape(-1, 2),
            K,
            None,
            iterationsCount=100,
            reprojectionError=2,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:
        found = False
    return cv2.Rodrigues(vector)[0] if found else None


def _error_deg(true: np.ndarray, estimated: np.ndarray | None) -> float:
    if estimated is None or not np.isfinite(estimated).all():
        return FAILURE_ERROR_DEG
    return rotation_error_deg(true, estimated)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) and np.isfinite(values).all() else None


def _numpy(values: torch.Tensor) -> np.ndarray:
    return values.float().cpu().numpy()


@torch.no_grad()
def validate(name: str, model: nn.Module, views: Views) -> Validation:
    """Errors of `dust3r` (camera 2 by PnP on its point map, with the true K) or `vggt` (camera head)."""
    model.eval()
    truth = _numpy(views.pts3d())
    rotations: Sequence[np.ndarray | None]
    if name == "dust3r":
        with quiet():
            one, two = dust3r_forward(model, views.images[:, 0], views.images[:, 1])
        second = _numpy(two["pts3d_in_other_view"])
        points = np.stack([_numpy(one["pts3d"]), second], axis=1)
        rotations = [_pnp_rotation(p, _numpy(views.K).astype(float)) for p in second]
    else:
        with quiet():
            predicted = model(views.images)
        points = _numpy(predicted["world_points"])
        decode = import_vggt_pose_encoding().pose_encoding_to_extri_intri
        cameras, _ = decode(predicted["pose_enc"].float().cpu(), tuple(views.depth.shape[-2:]))
        R = _numpy(cameras[..., :3]).astype(float)
        rotations = list(R[:, 1] @ R[:, 0].transpose(0, 2, 1))
    true_rotations = _numpy(views.cam_from_world[:, 1, :3, :3]).astype(float)
    errors = np.array([_error_deg(t, r) for t, r in zip(true_rotations, rotations, strict=True)])
    widths = np.array([rotation_error_deg(np.eye(3), t) for t in true_rotations])
    near = widths <= OVERLAP_YAW_DEG
    means = [np.linalg.norm(p, axis=-1).mean(axis=(1, 2, 3), keepdims=True) for p in (points, truth)]
    scaled = [p / mean[..., None] for p, mean in zip((points, truth), means, strict=True)]
    return Validation(
        float(errors.mean()),
        _mean(errors[near]),
        _mean(errors[~near]),
        _mean(np.linalg.norm(scaled[0] - scaled[1], axis=-1).ravel()),
        sum(r is None or not np.isfinite(r).all() for r in rotations),
    )
