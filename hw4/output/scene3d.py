"""A point cloud with cameras for a page: as JSON that a script turns, and as a drawing that needs none."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

MAX_POINTS, DRAWN_POINTS = 4000, 500
# Shares of the points beyond which the cloud is cut: a few far ones would shrink the rest to a dot.
CUT = (2.0, 98.0)
WIDTH, HEIGHT = 400, 300
# Share of the picture within which all is.
FILLED = 0.94
# Pieces of a dashed line.
DASHES = 5
# Vertical field of view of the reader, as in ``report.js``.
VIEW_DEG = 50.0


def _axes() -> np.ndarray:
    """(3, 3) right, down and forward of the reader, turned aside so that depth shows."""
    forward = np.array([0.45, 0.45, 0.75]) / np.linalg.norm([0.45, 0.45, 0.75])
    right = np.cross((0.0, 1.0, 0.0), forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


AXES = _axes()


@dataclass(frozen=True)
class Frustum:
    """One camera: (5, 3) corners, its centre first, in a colour like ``#e0701a``."""

    corners: np.ndarray
    color: str
    dashed: bool = False


@dataclass(frozen=True)
class Scene:
    """What is shown of one sample.

    Attributes:
        points: (P, 3) finite, in the frame of the first camera, OpenCV axes (y down).
        colors: (P, 3) uint8.
        frusta: the cameras.
        edges: which corners of a frustum lines join.
    """

    points: np.ndarray
    colors: np.ndarray
    frusta: Sequence[Frustum]
    edges: Sequence[tuple[int, int]]

    @cached_property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """(3,) least corner and (3,) size of what is shown."""
        every = np.concatenate([self.points, *(one.corners for one in self.frusta)])
        return every.min(axis=0), np.maximum(np.ptp(every, axis=0), 1e-9)

    @property
    def target(self) -> np.ndarray:
        """(3,) what the reader looks at."""
        low, size = self.box
        return low + size / 2

    @cached_property
    def eye(self) -> np.ndarray:
        """(3,) where the reader stands: behind, above and beside the first camera, and sees all."""
        every = np.concatenate([self.points, *(one.corners for one in self.frusta)])
        across = (every - self.target) @ AXES.T
        tangent = np.tan(np.radians(VIEW_DEG / 2)) * FILLED * np.array([WIDTH / HEIGHT, 1.0])
        nearest = float((np.abs(across[:, :2]) / tangent - across[:, 2:]).max())
        return self.target - max(nearest, 1e-6) * AXES[2]

    def json(self) -> str:
        """What ``report.js`` turns; positions of points are in 65536 steps of the box."""
        low, size = self.box
        steps = np.round((self.points - low) / size * 65535).astype("<u2")
        content = {
            "points": base64.b64encode(steps.tobytes()).decode(),
            "colors": base64.b64encode(np.ascontiguousarray(self.colors, np.uint8).tobytes()).decode(),
            "low": low.tolist(),
            "size": size.tolist(),
            "cameras": [self._lines(one) for one in self.frusta],
            "up": [0, -1, 0],
            "eye": self.eye.tolist(),
            "target": self.target.tolist(),
        }
        return json.dumps(content, allow_nan=False).replace("<", "\\u003c")

    def _lines(self, one: Frustum) -> dict[str, Any]:
        ends = one.corners[list(self.edges)]
        if one.dashed:
            # Every other of an odd number of pieces.
            cuts = np.linspace(0, 1, 2 * DASHES).reshape(-1, 2, 1)
            ends = (ends[:, None, :1] + cuts * (ends[:, None, 1:] - ends[:, None, :1])).reshape(-1, 2, 3)
        return {"color": one.color, "lines": [round(float(x), 5) for x in ends.ravel()]}

    def svg(self) -> bytes:
        """The same from where the reader first stands, as a picture."""
        step = max(1, -(-len(self.points) // DRAWN_POINTS))
        xy, depth = self._seen(self.points[::step])
        parts = []
        for i in np.argsort(-depth):
            color = "".join(f"{value >> 4:x}" for value in self.colors[::step][i].tolist())
            if depth[i] > 0:
                parts.append(f'<path d="M{xy[i, 0]:.0f} {xy[i, 1]:.0f}h0" stroke="#{color}"/>')
        for one in self.frusta:
            ends, _ = self._seen(one.corners)
            path = "".join(f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" for (x, y), (u, v) in ends[list(self.edges)])
            dash = ' stroke-dasharray="5 4"' if one.dashed else ""
            parts.append(f'<path class="c" d="{path}" stroke="{one.color}"{dash}/>')
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{4 * WIDTH}" '
            f'height="{4 * HEIGHT}"><style>path{{fill:none;stroke-width:5;stroke-linecap:round}}'
            f".c{{stroke-width:2;stroke-linecap:butt}}</style>{''.join(parts)}</svg>"
        ).encode()

    def _seen(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(P, 2) pixels of the drawing and (P,) depths of (P, 3) world points."""
        in_eye = (points - self.eye) @ AXES.T
        focal = HEIGHT / 2 / np.tan(np.radians(VIEW_DEG / 2))
        # Nothing lies behind the reader, who stands so far off that all is in sight.
        flat = in_eye[:, :2] / np.maximum(in_eye[:, 2:], 1e-9)
        return focal * flat + (WIDTH / 2, HEIGHT / 2), in_eye[:, 2]


def scene_of(
    points: np.ndarray, colors: np.ndarray, frusta: Sequence[Frustum], edges: Sequence[tuple[int, int]]
) -> Scene:
    """A scene of at most `MAX_POINTS` points, without those that are not finite and those far off.

    Args:
        points: (P, 3) world points.
        colors: (P, 3) uint8.
        frusta: the cameras.
        edges: which corners of a frustum lines join.
    """
    kept = np.isfinite(points).all(axis=1)
    points, colors = points[kept], colors[kept]
    if len(points):
        low, high = np.percentile(points, CUT, axis=0)
        margin = 0.25 * (high - low)
        inside = ((points >= low - margin) & (points <= high + margin)).all(axis=1)
        points, colors = points[inside], colors[inside]
    return Scene(points[:MAX_POINTS], colors[:MAX_POINTS], frusta, edges)
