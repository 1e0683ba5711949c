"""The point cloud of a reconstruction as plain arrays."""

from dataclasses import dataclass

import numpy as np

from hw4.models.base import Reconstruction


@dataclass(frozen=True)
class Cloud:
    """World points with what is known about each.

    Attributes:
        points: (P, 3) float64.
        colors: (P, 3) uint8.
        conf: (P,) float32, the model's own scale, or None where it has none.
        n_all: how many finite points the model gave before any were left out.
    """

    points: np.ndarray
    colors: np.ndarray
    conf: np.ndarray | None
    n_all: int

    def __len__(self) -> int:
        return len(self.points)

    def surest_first(self) -> "Cloud":
        """The same points by falling confidence; as they are where there is none."""
        if self.conf is None:
            return self
        order = np.argsort(-self.conf, kind="stable")
        return Cloud(self.points[order], self.colors[order], self.conf[order], self.n_all)

    def at_most(self, count: int) -> "Cloud":
        """That many of its points, spread evenly over their order."""
        if len(self) <= count:
            return self
        keep = np.linspace(0, len(self) - 1, count).astype(int)
        conf = None if self.conf is None else self.conf[keep]
        return Cloud(self.points[keep], self.colors[keep], conf, self.n_all)


def cloud_of(reconstruction: Reconstruction, min_conf: float = -np.inf, placed_only: bool = True) -> Cloud:
    """Finite points of a reconstruction, in its order, with at least that confidence; gray without colours.

    Args:
        reconstruction: with pointmaps, sparse points, or neither.
        min_conf: on the model's own scale; points without confidence are all kept, those whose confidence is
            no number are not.
        placed_only: leave out pointmaps of views without a camera.
    """
    r = reconstruction
    points, colors, conf = np.zeros((0, 3)), np.zeros((0, 3), np.uint8), None
    if r.pts3d is not None:
        views = [v for v in range(r.n_views) if r.is_valid(v) or not placed_only]
        points = np.concatenate([points, *(r.pts3d[v].reshape(-1, 3) for v in views)])
        colors = np.concatenate([colors, *(r.images[v].reshape(-1, 3) for v in views)])
        if r.conf is not None:
            conf = np.concatenate([np.zeros(0, np.float32), *(r.conf[v].ravel() for v in views)])
    elif r.points is not None:
        points = r.points.astype(np.float64)
        gray = np.full((len(points), 3), 128, np.uint8)
        colors = gray if r.point_colors is None else r.point_colors
    finite = np.isfinite(points).all(axis=1)
    keep = finite if conf is None else finite & np.isfinite(conf) & (conf >= min_conf)
    return Cloud(points[keep], colors[keep], None if conf is None else conf[keep], int(finite.sum()))
