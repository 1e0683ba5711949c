"""Pose errors of N views of a scene: those of all its pairs."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from hw4.config import MetricsConfig
from hw4.pose.metrics import PoseError, has_true_direction, pair_error

SOME = 3


def views_error(
    cam_from_world_true: np.ndarray,
    cam_from_world: np.ndarray,
    config: MetricsConfig,
    diagnoses: Mapping[str, str] | None = None,
) -> PoseError:
    """The mean errors over all N (N - 1) / 2 pairs of a sample's views.

    Nothing is left out of a mean: with a view that was not placed there is no rotation error, and with a pair
    that has no estimated direction no translation error. Pairs without a true direction are not counted.

    Args:
        cam_from_world_true: (N, 4, 4) world-to-camera.
        cam_from_world: (N, 4, 4) estimate in any world frame and scale; NaN for a view that was not placed.
        config: protocol and translation folding.
        diagnoses: why views were not placed, by view number.
    """
    pairs = [list(pair) for pair in combinations(range(len(cam_from_world_true)), 2)]
    directed = any(has_true_direction(cam_from_world_true[pair]) for pair in pairs)
    if not np.isfinite(cam_from_world).all():
        return PoseError(None, None, not_placed(cam_from_world, diagnoses or {}), directed)
    errors = [pair_error(cam_from_world_true[pair], cam_from_world[pair], config) for pair in pairs]
    rotations = [e.rotation_deg for e in errors if e.rotation_deg is not None]
    if len(rotations) < len(errors):
        return PoseError(None, None, _first_reason(errors), directed)
    translations = [e.translation_deg for e in errors if e.has_true_direction]
    known = [value for value in translations if value is not None]
    whole = bool(known) and len(known) == len(translations)
    return PoseError(
        float(np.mean(rotations)),
        float(np.mean(known)) if whole else None,
        None if whole else _first_reason([e for e in errors if e.has_true_direction or not directed]),
        directed,
    )


def _first_reason(errors: list[PoseError]) -> str | None:
    return next((error.reason for error in errors if error.reason), None)


def not_placed(cam_from_world: np.ndarray, diagnoses: Mapping[str, str]) -> str:
    """Which of (N, 4, 4) cameras are missing (NaN), and why, as far as is known."""
    n = len(cam_from_world)
    lost = np.flatnonzero(~np.isfinite(cam_from_world).all(axis=(1, 2)))
    some = [f"view {view}: {diagnoses.get(str(view), 'no reason given')}" for view in lost[:SOME]]
    more = "; ..." if len(lost) > SOME else ""
    return f"{len(lost)} of {n} views have no camera ({'; '.join(some)}{more})"
