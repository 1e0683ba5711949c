"""Rotation and point-map errors of a network in training, on scenes it never trains on."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from hw4.models.network.training import Views, to_numpy
from hw4.models.registry import trainable
from hw4.pose.metrics import FAILURE_ERROR_DEG, rotation_error_deg
from hw4.pretrain.batches import SceneStream

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


def _error_deg(true: np.ndarray, estimated: np.ndarray | None) -> float:
    if estimated is None or not np.isfinite(estimated).all():
        return FAILURE_ERROR_DEG
    return rotation_error_deg(true, estimated)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) and np.isfinite(values).all() else None


@torch.no_grad()
def validate(name: str, model: nn.Module, views: Views) -> Validation:
    """Errors of the network of a model on two-view scenes."""
    model.eval()
    truth = to_numpy(views.pts3d())
    points, rotations = trainable(name).predict(model, views)
    true_rotations = to_numpy(views.cam_from_world[:, 1, :3, :3]).astype(float)
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
