"""Predicted depths and points against true depth maps.

Sources: Eigen et al. (2014) for AbsRel and δ < 1.25; the scale by medians after Zhou et al. (2017), by least
squares after Ranftl et al. (2020), without their shift: the models' depths have none. Points are aligned by
Umeyama's similarity over the pixels, as VGGT's evaluation does (Wang et al. 2025, section 4.3); accuracy and
completeness of Aanæs et al. (2016), F-score of Knapitsch et al. (2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hw4.core.errors import UserError
from hw4.core.metric import MetricUnavailable
from hw4.data.views.depth import DepthFile, read_depth
from hw4.geometry.align import umeyama
from hw4.geometry.cameras import unprojected
from hw4.pose.dense import Dense

# Depths within this factor of the truth are right.
DELTA = 1.25
# Points nearer than this share of the median true depth are right.
NEAR = 0.02
FEWEST_POINTS = 10


@dataclass(frozen=True)
class Depths:
    """The true depths at pixels of a prediction, and its own, both of T pixels; NaN where there is none.

    `numbers` are the pixels' numbers in the prediction.
    """

    true: np.ndarray
    found: np.ndarray
    numbers: np.ndarray

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """(M,) true and predicted depths of the pixels that have both."""
        known = np.isfinite(self.true) & np.isfinite(self.found) & (self.found > 0)
        return self.true[known], self.found[known]


def depths_of(dense: Dense | None, files: Sequence[DepthFile | None] | None) -> Depths:
    """The depths of the views that have a true depth map.

    Raises:
        MetricUnavailable: no view has one, or it cannot be read; no depth was predicted, or not of each.
    """
    known = [view for view, file in enumerate(files or ()) if file is not None]
    if not files or not known:
        raise MetricUnavailable("the data has no true depth maps")
    if dense is None:
        raise MetricUnavailable("no depth is kept with this prediction; cache.reuse=false computes it")
    if not len(dense.view):
        raise MetricUnavailable("the model gives no depth")
    true, numbers = [], []
    for view in known:
        at = np.flatnonzero(dense.view == view)
        true.append(_true_depth(files[view], dense.uv[at]))
        numbers.append(at)
    chosen = np.concatenate(numbers)
    found = Depths(np.concatenate(true), dense.depth[chosen].astype(float), chosen)
    lost = [view for view in known if not np.isfinite(dense.depth[dense.view == view]).any()]
    if lost:
        raise MetricUnavailable(f"{len(lost)} of {len(known)} views have no predicted depth")
    if len(found.both[0]) < FEWEST_POINTS:
        raise MetricUnavailable(f"fewer than {FEWEST_POINTS} pixels have a true and a predicted depth")
    return found


def _true_depth(file: DepthFile | None, uv: np.ndarray) -> np.ndarray:
    """(T,) of the nearest pixels; the map may have another size than the photo."""
    assert file is not None
    try:
        depth = read_depth(file)
    except UserError as error:
        raise MetricUnavailable(str(error)) from error
    height, width = depth.shape
    return depth[(uv[:, 1] * height).astype(int), (uv[:, 0] * width).astype(int)].astype(float)


def median_scale(true: np.ndarray, found: np.ndarray) -> float:
    """The scale that gives the prediction the truth's median."""
    return float(np.median(true) / np.median(found))


def least_squares_scale(true: np.ndarray, found: np.ndarray) -> float:
    """The scale with the least sum of squared errors."""
    return float((true * found).sum() / (found**2).sum())


def relative_error(true: np.ndarray, found: np.ndarray) -> float:
    """AbsRel: mean of \\|z - z_true\\| / z_true."""
    return float((np.abs(found - true) / true).mean())


def share_right(true: np.ndarray, found: np.ndarray) -> float:
    """Share of depths within a factor of `DELTA` of the truth."""
    return float((np.maximum(found / true, true / found) < DELTA).mean())


@dataclass(frozen=True)
class Points:
    """How far points lie from each other after alignment, in units of the true poses.

    Attributes:
        accuracy: mean distance from a predicted point to the nearest true one.
        completeness: mean distance from a true point to the nearest predicted one.
        f_score: harmonic mean of the shares of both that are nearer than `NEAR` of the median true depth.
    """

    accuracy: float
    completeness: float
    f_score: float


def points_of(
    dense: Dense, depths: Depths, cam_from_world_true: np.ndarray, Ks_true: np.ndarray | None
) -> Points:
    """Predicted points of the pixels with a true depth against the points that these show.

    Args:
        dense: the prediction.
        depths: of `depths_of`.
        cam_from_world_true: (N, 4, 4) world-to-camera.
        Ks_true: (N, 3, 3) in pixels of the photos.

    Raises:
        MetricUnavailable: a K is unknown, or too few pixels have both points.
    """
    view = dense.view[depths.numbers]
    if Ks_true is None or not np.isfinite(Ks_true[np.unique(view)]).all():
        raise MetricUnavailable("a true point needs the true intrinsics, which the data does not have")
    pixels = dense.uv[depths.numbers] * dense.sizes[view]
    true = np.full((len(view), 3), np.nan)
    for one in np.unique(view):
        at = view == one
        true[at] = unprojected(pixels[at], depths.true[at], Ks_true[one], cam_from_world_true[one])
    found = dense.pts3d[depths.numbers].astype(float)
    shown = np.isfinite(true).all(axis=1)
    both = shown & np.isfinite(found).all(axis=1)
    if both.sum() < FEWEST_POINTS:
        raise MetricUnavailable(f"fewer than {FEWEST_POINTS} pixels have a true and a predicted point")
    aligned = umeyama(found[both], true[both]).points(found[both])
    accuracy = cKDTree(true[shown]).query(aligned)[0]
    completeness = cKDTree(aligned).query(true[shown])[0]
    near = NEAR * float(np.nanmedian(depths.true))
    precision, recall = float((accuracy < near).mean()), float((completeness < near).mean())
    f_score = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Points(float(accuracy.mean()), float(completeness.mean()), f_score)
