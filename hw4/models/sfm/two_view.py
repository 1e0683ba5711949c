"""Relative camera of two views from matched features."""

from dataclasses import dataclass

import cv2
import numpy as np

from hw4.core.colmap import pycolmap
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.features import Features, match

# Two-view configurations in which a homography explains the matches, so that the essential matrix is
# ambiguous and COLMAP decomposes the homography instead.
HOMOGRAPHY = ("PLANAR", "PANORAMIC", "PLANAR_OR_PANORAMIC")


@dataclass
class TwoView:
    """Verified geometry of a pair of views.

    Attributes:
        matches: (M, 2) uint32 matches that passed the ratio test.
        inliers: (I, 2) uint32, the verified ones.
        cam2_from_cam1: (3, 4) float64, translation of unit length (zero for ``panoramic``); None where no
            geometry fits.
        kind: ``essential``, ``planar``, ``panoramic``, ``planar_or_panoramic`` or ``none``.
        geometry: what COLMAP's mapper reads.
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

    Essential, fundamental matrix and homography compete; where the homography wins, the relative camera is
    its decomposition.
    """
    matches = match(first, second, config.max_ratio)
    nothing = TwoView(matches, matches[:0], None, "none", None)
    if len(matches) < config.min_inliers:
        return nothing
    options = pycolmap.TwoViewGeometryOptions()
    options.min_num_inliers = config.min_inliers
    options.detect_watermark = False
    options.compute_relative_pose = True
    options.ransac.max_error = config.max_error
    options.ransac.random_seed = seed
    geometry = pycolmap.estimate_calibrated_two_view_geometry(
        camera1, first.xy, camera2, second.xy, matches, options
    )
    if geometry.cam2_from_cam1 is None:
        return nothing
    cam2_from_cam1 = np.array(geometry.cam2_from_cam1.matrix())
    name = pycolmap.TwoViewGeometryConfiguration(geometry.config).name
    kind = name.lower() if name in HOMOGRAPHY else "essential"
    if kind == "panoramic":
        cam2_from_cam1[:, 3] = 0.0
    return TwoView(matches, np.asarray(geometry.inlier_matches), cam2_from_cam1, kind, geometry)


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
    two_view = verify_two_view(first, second, camera1, camera2, config, seed)
    matches = two_view.matches
    if two_view.kind.upper() in HOMOGRAPHY or len(matches) < 5:
        return two_view
    xy1, xy2 = first.xy[matches[:, 0]], second.xy[matches[:, 1]]
    options = pycolmap.RANSACOptions()
    options.max_error = config.max_error
    options.random_seed = seed
    found = pycolmap.estimate_relative_pose(camera1, xy1, camera2, xy2, options)
    if found is None:
        return TwoView(matches, matches[:0], None, "none", two_view.geometry)
    relative, mask = found["cam2_from_cam1"], np.asarray(found["inlier_mask"], bool)
    refined = pycolmap.refine_relative_pose(relative, camera1, xy1, camera2, xy2, mask)
    if refined is not None:
        relative = refined["cam2_from_cam1"]
    return TwoView(matches, matches[mask], np.array(relative.matrix()), "essential", two_view.geometry)


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
