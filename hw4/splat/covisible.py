"""InstantSplat's options of a start from a model: no point twice, one focal length for all views."""

from dataclasses import replace

import numpy as np

from hw4.core.errors import UserError
from hw4.geometry.cameras import moved
from hw4.models.base import Reconstruction


def without_covisible(reconstruction: Reconstruction, threshold: float) -> tuple[Reconstruction, str]:
    """The reconstruction with NaN for points that surer views have already, and a note of how many.

    Views come in the order of their mean confidence. A pixel is left out where a point of an earlier view
    falls into it, less than `threshold` nearer or farther than the pixel's own, as a share of the depths that
    the view spans. (InstantSplat's code compares with the point's depth in its own view; its paper with that
    in this one, as here.)

    Raises:
        UserError: the model gives no point for every pixel.
    """
    if reconstruction.pts3d is None:
        raise UserError(
            "splat.init.co_visibility needs a model that gives a point for every pixel; choose one, or set "
            "splat.init.co_visibility=null."
        )
    views = [v for v in range(reconstruction.n_views) if reconstruction.is_valid(v)]
    if reconstruction.conf is not None:
        conf = reconstruction.conf
        views.sort(key=lambda v: -float(np.nanmean(conf[v])))
    pts3d = list(reconstruction.pts3d)
    left_out = n_all = 0
    for i, view in enumerate(views):
        points = reconstruction.pts3d[view]
        n_all += int(np.isfinite(points).all(axis=-1).sum())
        earlier = [reconstruction.pts3d[v].reshape(-1, 3) for v in views[:i]]
        if not earlier:
            continue
        camera, K = reconstruction.cam_from_world[view], reconstruction.Ks[view]
        seen = _seen(np.concatenate(earlier), points, camera, K, threshold)
        left_out += int((seen & np.isfinite(points).all(axis=-1)).sum())
        pts3d[view] = np.where(seen[..., None], np.float32(np.nan), points)
    note = f"{left_out} of {n_all} points left out: surer views have them (splat.init.co_visibility)"
    return replace(reconstruction, pts3d=pts3d), note


def _seen(
    others: np.ndarray, points: np.ndarray, cam_from_world: np.ndarray, K: np.ndarray, threshold: float
) -> np.ndarray:
    """(H, W) whether a pixel of a view, whose (H, W, 3) points are given, shows one of (P, 3) others."""
    height, width = points.shape[:2]
    depth = moved(points, cam_from_world)[..., 2]
    span = float(np.nanmax(depth) - np.nanmin(depth))
    there = moved(others[np.isfinite(others).all(axis=1)], cam_from_world)
    there = there[there[:, 2] > 0]
    projected = there @ K.T
    columns, rows = np.floor(projected[:, :2] / projected[:, 2:]).T
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    columns, rows = columns[inside].astype(int), rows[inside].astype(int)
    near = np.abs(there[inside, 2] - depth[rows, columns]) < threshold * span
    seen = np.zeros((height, width), bool)
    seen[rows[near], columns[near]] = True
    return seen


def with_shared_focal(Ks: np.ndarray, sizes: np.ndarray, like: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(N, 3, 3) intrinsics whose focal length is the mean of other cameras', counted in longest edges.

    Args:
        Ks: (N, 3, 3) in pixels of images of `sizes` (N, 2).
        sizes: width and height.
        like: Ks (M, 3, 3) and sizes (M, 2) of the cameras that are averaged.
    """
    given, given_sizes = like
    share = (given[:, [0, 1], [0, 1]] / np.max(given_sizes, axis=1)[:, None]).mean()
    shared = np.array(Ks, float)
    shared[:, 0, 0] = shared[:, 1, 1] = share * np.max(sizes, axis=1)
    return shared
