"""Scores of one sample of N views: what each `hw4.core.metric.ViewsMetric` measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hw4.core.metric import MetricUnavailable
from hw4.data.views.depth import DepthFile
from hw4.metrics import views_metrics
from hw4.pose.all_pairs import PairErrors, pair_errors
from hw4.pose.dense import Dense
from hw4.pose.depth_scores import (
    Depths,
    Points,
    depths_of,
    least_squares_scale,
    median_scale,
    points_of,
    relative_error,
    share_right,
)
from hw4.pose.trajectory import Trajectory, trajectory_errors


@dataclass(frozen=True)
class ScoredViews:
    """The truth and the estimate of N views.

    Attributes:
        cam_from_world_true: (N, 4, 4) world-to-camera.
        cam_from_world: (N, 4, 4) estimate in any world frame and scale; NaN for a view that was not placed.
        Ks_true, Ks: (N, 3, 3) in the same pixels, NaN where unknown; None: of all.
        Ks_given: whether `Ks` are not an estimate, but what the model was given.
        depth_files: N true depth maps, None for a view without; None: of all.
        dense: predicted depths and points; None where none are kept.
    """

    cam_from_world_true: np.ndarray
    cam_from_world: np.ndarray
    Ks_true: np.ndarray | None = None
    Ks: np.ndarray | None = None
    Ks_given: bool = False
    depth_files: Sequence[DepthFile | None] | None = None
    dense: Dense | None = None

    @cached_property
    def pairs(self) -> PairErrors:
        """Errors of all pairs of views."""
        return pair_errors(self.cam_from_world_true, self.cam_from_world)

    @cached_property
    def trajectory(self) -> Trajectory:
        """Errors of the trajectory; see `trajectory_errors` for what is raised."""
        return trajectory_errors(self.cam_from_world_true, self.cam_from_world)

    @cached_property
    def depths(self) -> Depths:
        """True and predicted depths; see `depths_of` for what is raised."""
        return depths_of(self.dense, self.depth_files)

    @cached_property
    def points(self) -> Points:
        """How far true and predicted points lie from each other; see `points_of` for what is raised."""
        depths = self.depths
        assert self.dense is not None
        return points_of(self.dense, depths, self.cam_from_world_true, self.Ks_true)


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
    if views.Ks_given:
        raise MetricUnavailable("the model was given the true intrinsics and estimates none")
    if views.Ks is None:
        raise MetricUnavailable("the prediction has no intrinsics")
    lost = int((~np.isfinite(views.Ks[known])).any(axis=(1, 2)).sum())
    if lost:
        raise MetricUnavailable(f"{lost} of {int(known.sum())} views have no estimated intrinsics")
    return views.Ks_true[known], views.Ks[known]


def abs_rel(views: ScoredViews) -> float:
    """AbsRel with the scale of the medians, over all views of the sample."""
    true, found = views.depths.both
    return relative_error(true, median_scale(true, found) * found)


def abs_rel_lsq(views: ScoredViews) -> float:
    """AbsRel with the least-squares scale."""
    true, found = views.depths.both
    return relative_error(true, least_squares_scale(true, found) * found)


def delta(views: ScoredViews) -> float:
    """Share of depths within a factor of 1.25 of the truth, with the scale of the medians."""
    true, found = views.depths.both
    return share_right(true, median_scale(true, found) * found)


def delta_lsq(views: ScoredViews) -> float:
    """The same with the least-squares scale."""
    true, found = views.depths.both
    return share_right(true, least_squares_scale(true, found) * found)


def point_accuracy(views: ScoredViews) -> float:
    """See `Points`."""
    return views.points.accuracy


def point_completeness(views: ScoredViews) -> float:
    """See `Points`."""
    return views.points.completeness


def point_f_score(views: ScoredViews) -> float:
    """See `Points`."""
    return views.points.f_score
