"""Where the first and the last photo show the same points, as a reconstruction has them."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hw4.models.base import Reconstruction

# Pixels of a view among which the other view's are looked for, and how many of them are asked.
SEARCHED, ASKED = 16_000, 1_200


@dataclass(frozen=True)
class Matches:
    """The same points in two photos.

    Attributes:
        xy: (M, 4) float64, x and y in pixels of the first photo, then of the last one.
        verified: (M,) bool, those that agree with the model's own geometry.
    """

    xy: np.ndarray
    verified: np.ndarray


def matches_of(reconstruction: Reconstruction) -> Matches | None:
    """The model's matches, else the reciprocal nearest neighbours of its point maps; None without either."""
    r = reconstruction
    if r.matches is not None:
        xy = r.matches
    elif r.pts3d is not None and r.is_valid(0) and r.is_valid(r.n_views - 1):
        xy = _reciprocal(r)
    else:
        return None
    verified = np.ones(len(xy), bool) if r.verified is None else r.verified
    ends = [
        xy[:, columns] @ original[:2, :2].T + original[:2, 2]
        for columns, original in zip(([0, 1], [2, 3]), r.original_from_model[[0, -1]], strict=True)
    ]
    return Matches(np.concatenate(ends, axis=1), verified)


def _reciprocal(r: Reconstruction) -> np.ndarray:
    """Pixels whose 3D points are each other's nearest (Wang et al., CVPR 2024, 3.3), of the surer half."""
    assert r.pts3d is not None
    first, last = (_Grid(r.pts3d[view], None if r.conf is None else r.conf[view]) for view in (0, -1))
    if not len(first.points) or not len(last.points):
        return np.zeros((0, 4))
    asked = np.unique(np.linspace(0, len(first.points) - 1, ASKED).astype(int))
    there = last.nearest(first.points[asked])
    mutual = first.nearest(last.points[there]) == asked
    return np.concatenate([first.xy[asked[mutual]], last.xy[there[mutual]]], axis=1)


class _Grid:
    """The surer half of a point map's pixels, on a grid coarse enough to search.

    `xy` (P, 2) are the pixels' centres, `points` (P, 3) their world points.
    """

    def __init__(self, pts3d: np.ndarray, conf: np.ndarray | None) -> None:
        height, width = pts3d.shape[:2]
        step = max(1, int(np.ceil(np.sqrt(height * width / SEARCHED))))
        y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step].reshape(2, -1)
        points = pts3d[y, x].astype(np.float64)
        kept = np.isfinite(points).all(axis=1)
        if conf is not None:
            known = conf[np.isfinite(conf)]
            kept &= conf[y, x] >= (np.median(known) if known.size else np.inf)
        self.xy, self.points = np.stack([x, y], axis=1)[kept] + 0.5, points[kept]
        self._tree = cKDTree(self.points, compact_nodes=False, balanced_tree=False)

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """(Q,) the index of the point nearest to each of (Q, 3)."""
        return np.asarray(self._tree.query(points)[1])
