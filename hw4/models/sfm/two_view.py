"""Relative camera of two views from matched features."""

import math
from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np

from hw4.core.colmap import pycolmap
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.features import Features, match

# Two-view configurations in which a homography explains the matches, so that the essential matrix is
# ambiguous and COLMAP decomposes the homography instead.
HOMOGRAPHY = ("PLANAR", "PANORAMIC", "PLANAR_OR_PANORAMIC")
# Matches that fix a homography, an essential and a fundamental matrix.
FOUR_POINTS, FIVE_POINTS, SEVEN_POINTS = 4, 5, 7


@dataclass
class TwoView:
    """Verified geometry of a pair of views.

    Attributes:
        matches: (M, 2) uint32 matches that passed the ratio test.
        inliers: (I, 2) uint32, the verified ones.
        cam2_from_cam1: (3, 4) float64, translation of unit length (zero for ``panoramic``); None where no
            geometry fits.
        kind: ``essential``, ``planar``, ``panoramic``, ``planar_or_panoramic`` or ``none``.
        geometry: what COLMAP's mapper reads; None for a pair that stands alone.
    """

    matches: np.ndarray
    inliers: np.ndarray
    cam2_from_cam1: np.ndarray | None
    kind: str
    geometry: pycolmap.TwoViewGeometry | None


def verify_two_view(
    first: Features,
    second: Features,
    camera1: pycolmap.Camera,
    camera2: pycolmap.Camera,
    config: SfmConfig,
    seed: int,
) -> TwoView:
    """Match two views and verify the matches as COLMAP does (Schönberger & Frahm, CVPR 2016).

    Essential matrix and homography compete, and the fundamental matrix where a focal length was guessed;
    where the homography wins, the relative camera is its decomposition.
    """
    matches = match(first, second, config.max_ratio)
    nothing = TwoView(matches, matches[:0], None, "none", None)
    if len(matches) < config.min_inliers:
        return nothing
    known = camera1.has_prior_focal_length and camera2.has_prior_focal_length
    options = _verification(config, seed)
    limit_trials(options.ransac, len(matches), config.min_inliers, FIVE_POINTS if known else SEVEN_POINTS)
    if known:
        xy1, xy2 = first.xy[matches[:, 0]], second.xy[matches[:, 1]]
        found = pycolmap.estimate_relative_pose(camera1, xy1, camera2, xy2, options.ransac)
        if found is None or (count := int(found["num_inliers"])) < config.min_inliers:
            return nothing
        if not _homography_explains(xy1, xy2, count, options):
            inliers, relative = matches[np.asarray(found["inlier_mask"], bool)], found["cam2_from_cam1"]
            geometry = pycolmap.TwoViewGeometry(
                config=pycolmap.TwoViewGeometryConfiguration.CALIBRATED.value,
                E=pycolmap.essential_matrix_from_pose(relative),
                inlier_matches=inliers,
                cam2_from_cam1=relative,
            )
            return TwoView(matches, inliers, np.array(relative.matrix()), "essential", geometry)
    return _competed(matches, first, second, camera1, camera2, options) or nothing


def estimate_two_view(
    first: Features,
    second: Features,
    camera1: pycolmap.Camera,
    camera2: pycolmap.Camera,
    config: SfmConfig,
    seed: int,
) -> TwoView:
    """Relative camera of two views when there are no others to help.

    Where no homography explains the matches, this is the calibrated five-point LO-RANSAC, refined on its
    inliers: more certain of few matches than `verify_two_view`, and slower.
    """
    matches = match(first, second, config.max_ratio)
    nothing = TwoView(matches, matches[:0], None, "none", None)
    if len(matches) < 5:
        return nothing
    xy1, xy2 = first.xy[matches[:, 0]], second.xy[matches[:, 1]]
    options = pycolmap.RANSACOptions()
    options.max_error = config.max_error
    options.random_seed = seed
    limit_trials(options, len(matches), config.min_inliers, FIVE_POINTS)
    found = pycolmap.estimate_relative_pose(camera1, xy1, camera2, xy2, options)
    if found is None:
        return nothing
    relative, mask = found["cam2_from_cam1"], np.asarray(found["inlier_mask"], bool)
    competing = _verification(config, seed)
    if _homography_explains(xy1, xy2, int(mask.sum()), competing):
        competed = _competed(matches, first, second, camera1, camera2, competing)
        if competed is not None and competed.kind.upper() in HOMOGRAPHY:
            return competed
    refined = pycolmap.refine_relative_pose(relative, camera1, xy1, camera2, xy2, mask)
    if refined is not None:
        relative = refined["cam2_from_cam1"]
    return TwoView(matches, matches[mask], np.array(relative.matrix()), "essential", None)


def limit_trials(ransac: pycolmap.RANSACOptions, matches: int, enough: int, sample: int) -> None:
    """Give a pair up after the trials that find `enough` inliers with RANSAC's confidence.

    COLMAP's own limit is of the order of ten times more, and most pairs of a sequence that fail reach it.

    Args:
        ransac: `max_num_trials` is lowered.
        matches: how many there are.
        enough: the fewest inliers with which the pair counts.
        sample: matches that one trial draws.
    """
    clean = max(ransac.min_inlier_ratio, enough / matches) ** sample
    trials = math.ceil(math.log1p(-ransac.confidence) / math.log1p(-clean)) if clean < 1 else 1
    ransac.max_num_trials = max(ransac.min_num_trials, min(trials, ransac.max_num_trials))


def _verification(config: SfmConfig, seed: int) -> pycolmap.TwoViewGeometryOptions:
    options = pycolmap.TwoViewGeometryOptions()
    options.min_num_inliers = config.min_inliers
    options.detect_watermark = False
    options.compute_relative_pose = True
    options.ransac.max_error = config.max_error
    options.ransac.random_seed = seed
    return options


def _homography_explains(
    xy1: np.ndarray, xy2: np.ndarray, inliers: int, options: pycolmap.TwoViewGeometryOptions
) -> bool:
    """Whether a homography fits so many of an essential matrix' inliers that COLMAP would prefer it."""
    enough = options.max_H_inlier_ratio * inliers
    ransac = copy(options.ransac)
    limit_trials(ransac, len(xy1), math.ceil(enough), FOUR_POINTS)
    found = pycolmap.estimate_homography_matrix(xy1, xy2, ransac)
    return found is not None and int(found["num_inliers"]) > enough


def _competed(
    matches: np.ndarray,
    first: Features,
    second: Features,
    camera1: pycolmap.Camera,
    camera2: pycolmap.Camera,
    options: pycolmap.TwoViewGeometryOptions,
) -> TwoView | None:
    """COLMAP's own choice between essential matrix, fundamental matrix and homography; None: nothing fits."""
    geometry = pycolmap.estimate_calibrated_two_view_geometry(
        camera1, first.xy, camera2, second.xy, matches, options
    )
    if geometry.cam2_from_cam1 is None:
        return None
    cam2_from_cam1 = np.array(geometry.cam2_from_cam1.matrix())
    name = pycolmap.TwoViewGeometryConfiguration(geometry.config).name
    kind = name.lower() if name in HOMOGRAPHY else "essential"
    if kind == "panoramic":
        cam2_from_cam1[:, 3] = 0.0
    return TwoView(matches, np.asarray(geometry.inlier_matches), cam2_from_cam1, kind, geometry)


def triangulate(
    two_view: TwoView, first: Features, second: Features, K1: np.ndarray, K2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points of the verified matches in front of both cameras, in the first camera's frame.

    Returns:
        (P, 3) float32 points and (P, 3) uint8 colours; none for a pair without baseline.
    """
    relative = two_view.cam2_from_cam1
    empty = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)
    if relative is None or len(two_view.inliers) == 0 or np.linalg.norm(relative[:, 3]) == 0:
        return empty
    index1, index2 = two_view.inliers.T
    homogeneous = cv2.triangulatePoints(
        K1 @ np.eye(3, 4), K2 @ relative, first.xy[index1].T, second.xy[index2].T
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        points = (homogeneous[:3] / homogeneous[3]).T
    depth2 = points @ relative[2, :3] + relative[2, 3]
    good = np.isfinite(points).all(axis=1) & (points[:, 2] > 0) & (depth2 > 0)
    return points[good].astype(np.float32), first.colors(index1[good])
