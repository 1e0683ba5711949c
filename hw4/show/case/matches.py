"""Matches between neighbouring frames, and whether they show parallax."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hw4.data.photos import load_image

LONG_EDGE = 640
RATIO = 0.8
# Pixels of images of LONG_EDGE: to the epipolar line, and to where the homography puts a point.
MAX_ERROR = 1.5
# SIFT positions are not much more exact than this, however small the image.
LEAST_ERROR = 0.7
# A fundamental matrix always passes through 8 matches: fewer than this many inliers say nothing.
MIN_INLIERS = 15
# Share of the epipolar inliers that one homography explains, from which on there is no parallax to use.
FLAT_SHARE = 0.85


@dataclass(frozen=True)
class Parallax:
    """Two neighbouring views.

    Attributes:
        first, second: their numbers in the sequence.
        n_features: SIFT features of each.
        n_matches: mutual nearest neighbours that pass Lowe's ratio test.
        n_epipolar: matches that fit one fundamental matrix.
        n_homography: those of them that fit one homography as well.
        parallax_px: 90th percentile of how far they lie from where that homography puts them, in pixels of
            images whose long edge is `long_edge`; None where no homography was found.
        long_edge: pixels.
        max_error: pixels up to which a match fits.
    """

    first: int
    second: int
    n_features: tuple[int, int]
    n_matches: int
    n_epipolar: int
    n_homography: int
    parallax_px: float | None
    long_edge: int
    max_error: float

    @property
    def enough(self) -> bool:
        """Whether the matches can say anything."""
        return self.n_epipolar >= MIN_INLIERS

    @property
    def homography_share(self) -> float:
        """Share of the epipolar matches that one homography explains; NaN without any."""
        return self.n_homography / self.n_epipolar if self.n_epipolar else float("nan")

    @property
    def verdict(self) -> str:
        """``too few matches``, ``no parallax`` or ``parallax``."""
        if not self.enough:
            return "too few matches"
        return "no parallax" if self.homography_share >= FLAT_SHARE else "parallax"


@dataclass(frozen=True)
class MatchedPair:
    """What was measured, with what is needed to draw it.

    Attributes:
        parallax: the numbers.
        images: two (H, W, 3) uint8 at the size at which features were found.
        xy: (M, 2, 2) matched positions in both, pixels.
        epipolar: (M,) bool; `planar`: (M,) bool, those among them that the homography explains.
    """

    parallax: Parallax
    images: tuple[np.ndarray, np.ndarray]
    xy: np.ndarray
    epipolar: np.ndarray
    planar: np.ndarray


@dataclass(frozen=True)
class _Features:
    image: np.ndarray
    xy: np.ndarray
    descriptors: np.ndarray


def _features(path: Path) -> _Features:
    image = load_image(path, LONG_EDGE)
    # Half of OpenCV's contrast threshold, for blurred and dim rooms.
    sift = cv2.SIFT_create(nfeatures=4000, contrastThreshold=0.02)  # type: ignore[attr-defined]
    keypoints, descriptors = sift.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
    xy = np.array([k.pt for k in keypoints], float).reshape(-1, 2)
    empty = np.zeros((0, 128), np.float32)
    return _Features(image, xy, empty if descriptors is None else descriptors)


def _match(first: _Features, second: _Features) -> np.ndarray:
    """(M, 2) indices of mutual nearest neighbours that pass the ratio test."""
    if min(len(first.descriptors), len(second.descriptors)) < 2:
        return np.zeros((0, 2), int)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    forward = matcher.knnMatch(first.descriptors, second.descriptors, k=2)
    back = {m.queryIdx: m.trainIdx for m in matcher.match(second.descriptors, first.descriptors)}
    good = [
        (best.queryIdx, best.trainIdx)
        for best, other in forward
        if best.distance < RATIO * other.distance and back.get(best.trainIdx) == best.queryIdx
    ]
    return np.array(good, int).reshape(-1, 2)


def _transfer_error(homography: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(M,) pixels between where a homography puts the first positions and the second ones."""
    mapped = np.concatenate([xy[:, 0], np.ones((len(xy), 1))], axis=1) @ homography.T
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - xy[:, 1], axis=1)
    return np.nan_to_num(error, nan=np.inf)


def _robust(
    estimate: Callable[..., Any], xy: np.ndarray, max_error: float, at_least: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Matrix and (M,) inliers of a MAGSAC++ estimate by OpenCV, or None."""
    if len(xy) < at_least:
        return None
    options = {"method": cv2.USAC_MAGSAC, "ransacReprojThreshold": max_error, "confidence": 0.999}
    try:
        matrix, inliers = estimate(xy[:, 0], xy[:, 1], maxIters=5000, **options)
    except cv2.error:
        # Degenerate samples end OpenCV's search with an assertion instead of an empty result.
        return None
    if matrix is None or inliers is None or matrix.shape != (3, 3):
        return None
    return matrix, inliers.ravel().astype(bool)


def _measure(number: int, first: _Features, second: _Features) -> MatchedPair:
    pairs = _match(first, second)
    xy = np.stack([first.xy[pairs[:, 0]], second.xy[pairs[:, 1]]], axis=1)
    max_error = max(LEAST_ERROR, MAX_ERROR * max(first.image.shape[:2]) / LONG_EDGE)
    homography = _robust(cv2.findHomography, xy, max_error, at_least=4)
    fundamental = _robust(cv2.findFundamentalMat, xy, max_error, at_least=8)
    planar = np.zeros(len(xy), bool)
    transfer = np.zeros(0)
    if homography is not None:
        transfer = _transfer_error(homography[0], xy)
        planar = transfer < max_error
    # What fits a homography fits a whole family of fundamental matrices, of which RANSAC may find none.
    epipolar = planar | (fundamental[1] if fundamental is not None else False)
    parallax = float(np.percentile(transfer[epipolar], 90)) if len(transfer) and epipolar.any() else None
    measured = Parallax(
        number,
        number + 1,
        (len(first.xy), len(second.xy)),
        len(xy),
        int(epipolar.sum()),
        int(planar.sum()),
        parallax if parallax is None or np.isfinite(parallax) else None,
        max(first.image.shape[:2]),
        max_error,
    )
    return MatchedPair(measured, (first.image, second.image), xy, epipolar, planar)


def match_neighbours(paths: Sequence[Path]) -> list[MatchedPair]:
    """SIFT matches between each view and the next, a fundamental matrix, and the best homography.

    A camera that only turns or zooms, or that looks at a plane, moves all points by one homography: nothing
    in such matches says how far away anything is. What a homography cannot explain is parallax.

    Args:
        paths: N >= 2 photos in order.

    Raises:
        UserError: a photo cannot be read.
    """
    cv2.setRNGSeed(0)
    features = [_features(path) for path in paths]
    return [_measure(i, features[i], features[i + 1]) for i in range(len(features) - 1)]
