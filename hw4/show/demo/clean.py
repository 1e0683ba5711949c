"""Upstream's cleaning of depth maps (`clean_pointcloud`), for models with depth and confidence."""

from dataclasses import replace

import numpy as np

from hw4.models.base import Reconstruction

# A point counts as in front of another view's surface if it is nearer by more than this share.
TOLERANCE = 0.001


def cleaned(r: Reconstruction) -> tuple[Reconstruction, int]:
    """Take the confidence (to -inf) from points that float before what another view is surer to see there.

    Args:
        r: with points, depth and confidence per pixel.

    Returns:
        the reconstruction with new confidences, and how many pixels have lost theirs.
    """
    assert r.pts3d is not None and r.depth is not None and r.conf is not None
    conf = [np.array(view, np.float32) for view in r.conf]
    placed = [v for v in range(r.n_views) if r.is_valid(v) and np.isfinite(r.Ks[v]).all()]
    for i in placed:
        for j in placed:
            if i == j:
                continue
            in_camera = r.pts3d[i] @ r.cam_from_world[j, :, :3].T + r.cam_from_world[j, :, 3]
            z = in_camera[..., 2]
            height, width = conf[j].shape
            ahead = np.isfinite(in_camera).all(axis=-1) & (z > 0)
            pixels = in_camera[ahead] @ r.Ks[j].T
            u, v = np.rint(pixels[:, :2] / pixels[:, 2:]).T
            seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
            rows, columns = (index[seen] for index in np.nonzero(ahead))
            there = v[seen].astype(int), u[seen].astype(int)
            floats = z[rows, columns] < (1 - TOLERANCE) * r.depth[j][there]
            floats &= conf[i][rows, columns] < conf[j][there]
            conf[i][rows[floats], columns[floats]] = -np.inf
    return replace(r, conf=conf), sum(int(np.isneginf(view).sum()) for view in conf)
