"""Scores of one sample of N views: what each `hw4.core.metric.ViewsMetric` measures."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hw4.core.metric import MetricUnavailable
from hw4.metrics import views_metrics
from hw4.pose.all_pairs import PairErrors, pair_errors
from hw4.pose.trajectory import Trajectory, trajectory_errors


@dataclass(frozen=True)
class ScoredViews:
    """The truth and the estimate of N views.

    Attributes:
        cam_from_world_true: (N, 4, 4) world-to-camera.
        cam_from_world: (N, 4, 4) estimate in any world frame and scale; NaN for a view that was not placed.
        Ks_true, Ks: (N, 3, 3) in the same pixels, NaN where unknown; None: of all.
    """

    cam_from_world_true: np.ndarray
    cam_from_world: np.ndarray
    Ks_true: np.ndarray | None = None
    Ks: np.ndarray | None = None

    @cached_property
    def pairs(self) -> PairErrors:
        """Errors of all pairs of views."""
        return pair_errors(self.cam_from_world_true, self.cam_from_world)

    @cached_property
    def trajectory(self) -> Trajectory:
        """Errors of the trajectory; see `trajectory_errors` for what is raised."""
        return trajectory_errors(self.cam_from_world_true, self.cam_from_world)


def scores(views: ScoredViews) -> tuple[dict[str, float], dict[str, str]]:
    """Every metric of N views by name, and for those that are missing the reason."""
    values, missing = {}, {}
    for row in views_metrics():
        try:
            values[row.name] = float(row.function()(views))
        except MetricUnavailable as error:
            missing[row.name] = str(error)
    return values, missing


def ate(views: ScoredViews) -> float:
    """Absolute trajectory error, see `Trajectory`."""
    return views.trajectory.ate


def rpe(views: ScoredViews) -> float:
    """Relative pose error from view to view: its length, see `Trajectory`."""
    return views.trajectory.rpe


def rpe_rotation(views: ScoredViews) -> float:
    """Relative pose error from view to view: its angle in degrees, see `Trajectory`."""
    return views.trajectory.rpe_deg


def focal_error(views: ScoredViews) -> float:
    """Mean over the views of \\|f / f_true - 1\\|, f the mean of fx and fy."""
    true, found = _intrinsics(views)
    return float(np.abs(_focal(found) / _focal(true) - 1).mean())


def principal_error(views: ScoredViews) -> float:
    """Mean over the views of the angle in degrees by which the principal point is off, at the true focal."""
    true, found = _intrinsics(views)
    shift = np.linalg.norm(found[:, :2, 2] - true[:, :2, 2], axis=1)
    return float(np.degrees(np.arctan2(shift, _focal(true))).mean())


def _focal(Ks: np.ndarray) -> np.ndarray:
    return (Ks[:, 0, 0] + Ks[:, 1, 1]) / 2


def _intrinsics(views: ScoredViews) -> tuple[np.ndarray, np.ndarray]:
    """True and estimated (M, 3, 3) of the views whose K is known.

    Raises:
        MetricUnavailable: none is, or the estimate lacks one of them.
    """
    if views.Ks_true is None or not (known := np.isfinite(views.Ks_true).all(axis=(1, 2))).any():
        raise MetricUnavailable("the data has no true intrinsics")
    if views.Ks is None:
        raise MetricUnavailable("the prediction has no intrinsics")
    lost = int((~np.isfinite(views.Ks[known])).any(axis=(1, 2)).sum())
    if lost:
        raise MetricUnavailable(f"{lost} of {int(known.sum())} views have no estimated intrinsics")
    return views.Ks_true[known], views.Ks[known]
