"""The world in which scenes are computed: centred on the cameras, their spread its unit."""

import numpy as np

from hw4.geometry.align import Similarity
from hw4.geometry.cameras import camera_centers

# The cameras' spread is at least this share of the distance to what they see: cameras may all stand in one
# place.
SMALLEST_SPREAD = 0.01
# What is smaller than this share of the distance to the origin is rounding.
SMALLEST = 1e-12


def unit_world(cam_from_world: np.ndarray, points: np.ndarray | None = None) -> Similarity:
    """The similarity, without a turn, from a world into the unit world of its cameras; float64 throughout.

    The origin is the median of the camera centres, and the unit their median distance from it, so that a
    camera or a point that is far off changes nothing. Where the cameras hardly move, the unit is a share of
    the points' median distance.

    Args:
        cam_from_world: (N, 4, 4) or (N, 3, 4), N >= 1.
        points: (P, 3) what the cameras see, or None.
    """
    centers = camera_centers(np.asarray(cam_from_world, np.float64))
    centre = np.median(centers, axis=0)
    size = float(np.median(np.linalg.norm(centers - centre, axis=1)))
    size = max(size, SMALLEST_SPREAD * median_distance(centre, points))
    scale = 1 / size if size > SMALLEST * float(np.linalg.norm(centre)) else 1.0
    return Similarity(scale, np.eye(3), -scale * centre)


def median_distance(centre: np.ndarray, points: np.ndarray | None) -> float:
    """Median distance of (P, 3) points, those of finite numbers, from a place; 0 without any."""
    if points is None:
        return 0.0
    finite = points[np.isfinite(points).all(axis=1)]
    return float(np.median(np.linalg.norm(finite - centre, axis=1))) if len(finite) else 0.0
