"""Errors of all pairs of N views, as the evaluations of RelPose, PoseDiffusion and VGGT take them.

Source: `evaluation/test_co3d.py` of VGGT. Opposite translation directions count as equal there, and a pair
counts for an AUC by the larger of its two errors.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hw4.core.metric import MetricUnavailable
from hw4.geometry.rotations import rotation_angle
from hw4.pose.metrics import DIRECTION_MIN_NORM


@dataclass(frozen=True)
class PairErrors:
    """Errors in degrees of the N (N - 1) / 2 pairs of a sample.

    Attributes:
        rotation: (P,) infinite for a pair with a view that was not placed.
        translation: (P,) in [0, 90], opposite directions being equal; infinite as well where the estimate has
            no direction, NaN where the truth has none: that pair's translation is undefined.
    """

    rotation: np.ndarray
    translation: np.ndarray

    @property
    def directed(self) -> np.ndarray:
        """(D,) translation errors that are defined.

        Raises:
            MetricUnavailable: none is.
        """
        return self.translation[self._defined]

    @property
    def larger(self) -> np.ndarray:
        """(D,) the larger error of each pair of which both are defined; see `directed`."""
        return np.maximum(self.rotation, self.translation)[self._defined]

    @property
    def _defined(self) -> np.ndarray:
        defined = ~np.isnan(self.translation)
        if not defined.any():
            raise MetricUnavailable("no pair of views has a true translation direction")
        return defined


def pair_errors(cam_from_world_true: np.ndarray, cam_from_world: np.ndarray) -> PairErrors:
    """Errors of every pair of views, by relative poses.

    Args:
        cam_from_world_true: (N, 4, 4) world-to-camera.
        cam_from_world: (N, 4, 4) estimate in any world frame and scale; NaN for a view that was not placed.
    """
    first, second = np.array(list(combinations(range(len(cam_from_world_true)), 2))).reshape(-1, 2).T
    true = cam_from_world_true[first] @ np.linalg.inv(cam_from_world_true[second])
    rotation, translation = (np.full(len(first), np.inf) for _ in range(2))
    placed = np.isfinite(cam_from_world).all(axis=(1, 2))
    known = placed[first] & placed[second]
    if known.any():
        inverse = np.linalg.inv(np.where(placed[:, None, None], cam_from_world, np.eye(4)))
        estimate = cam_from_world[first[known]] @ inverse[second[known]]
        turn = np.swapaxes(true[known][:, :3, :3], 1, 2) @ estimate[:, :3, :3]
        rotation[known] = np.degrees(rotation_angle(turn))
        translation[known] = _line_angles(true[known][:, :3, 3], estimate[:, :3, 3])
    still = np.linalg.norm(true[:, :3, 3], axis=1) < DIRECTION_MIN_NORM
    translation[still] = np.nan
    return PairErrors(rotation, translation)


def _line_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(P,) angles in degrees between the lines along (P, 3) vectors; infinite where `b` has no direction."""
    angles = np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.abs((a * b).sum(axis=1))))
    return np.where(np.linalg.norm(b, axis=1) < DIRECTION_MIN_NORM, np.inf, angles)
