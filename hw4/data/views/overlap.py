"""How much of a scene two views both see."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from hw4.data.orientation import read_size
from hw4.data.views.depth import read_depth
from hw4.data.views.scene import SceneViews

# Pixels of a depth map that are looked at, along its longer edge; and by how much two depths may differ.
GRID = 48
SAME_DEPTH = 0.05


def overlaps(scene: SceneViews) -> Callable[[int, int], float] | None:
    """A function of two places that gives the share, in [0, 1], of what either view sees that both see.

    By scene points: those that both see, of those that the view with fewer sees. By depth maps: the pixels of
    one that lie within the other's image at its depth (up to 5 %), the smaller share of both directions.
    None: the scene has neither.
    """
    seen = scene.seen
    if seen is not None:
        return lambda i, j: _shared(seen[i], seen[j])
    if scene.depths is None or scene.Ks is None:
        return None
    return _DepthOverlap(scene)


def _shared(first: np.ndarray, second: np.ndarray) -> float:
    fewer = min(len(first), len(second))
    return len(np.intersect1d(first, second)) / fewer if fewer else 0.0


class _DepthOverlap:
    def __init__(self, scene: SceneViews) -> None:
        self._scene = scene
        self._points = lru_cache(maxsize=64)(self._read)

    def __call__(self, first: int, second: int) -> float:
        return min(self._share(first, second), self._share(second, first))

    def _read(self, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """World points of a grid of pixels, the depth map, and K in its pixels."""
        scene = self._scene
        assert scene.depths is not None and scene.Ks is not None
        file = scene.depths[place]
        K = scene.Ks[place]
        size = None if scene.sizes is None else scene.sizes[place]
        if size is None or not np.isfinite(size).all():
            size = read_size(scene.paths[place])
        if file is None or size is None or not np.isfinite(K).all():
            return np.zeros((0, 3)), np.zeros((0, 0)), np.eye(3)
        depth = read_depth(file)
        height, width = depth.shape
        K = np.diag([width / size[0], height / size[1], 1]) @ K
        step = max(1, max(width, height) // GRID)
        y, x = (grid.ravel() for grid in np.mgrid[0:height:step, 0:width:step])
        z = depth[y, x]
        rays = np.linalg.solve(K, np.stack([x + 0.5, y + 0.5, np.ones(len(x))])).T
        in_camera = (rays * z[:, None])[np.isfinite(z)]
        camera = scene.cam_from_world[place]
        return (in_camera - camera[:3, 3]) @ camera[:3, :3], depth, K

    def _share(self, first: int, second: int) -> float:
        points = self._points(first)[0]
        _, depth, K = self._points(second)
        if not len(points) or not depth.size:
            return 0.0
        camera = self._scene.cam_from_world[second]
        in_camera = points @ camera[:3, :3].T + camera[:3, 3]
        z = in_camera[:, 2]
        ahead = z > 0
        u, v, _ = np.floor(K @ (in_camera[ahead] / z[ahead, None]).T)
        inside = (u >= 0) & (u < depth.shape[1]) & (v >= 0) & (v < depth.shape[0])
        there = depth[v[inside].astype(int), u[inside].astype(int)]
        same = np.abs(there - z[ahead][inside]) <= SAME_DEPTH * there
        return float(same.sum() / len(points))
