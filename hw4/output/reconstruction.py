"""Pictures of reconstructions: panels per photo; a cloud with its cameras from above and from the side."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from hw4.geometry.cameras import FRUSTUM_EDGES, frustum, moved
from hw4.models.base import Reconstruction

SHOWN_POINTS = 20_000
TRUE_COLOR = "#1a1a1a"


def camera_color(view: int, n_views: int) -> tuple[int, int, int]:
    """A colour per view, from red (first) over green to blue (last)."""
    t = 0.0 if n_views < 2 else view / (n_views - 1)
    red, green, blue = max(0.0, 1 - 2 * t), 1 - abs(2 * t - 1), max(0.0, 2 * t - 1)
    return round(40 + 215 * red), round(40 + 160 * green), round(40 + 215 * blue)


def view_frusta(reconstruction: Reconstruction, depth: float, transform: np.ndarray) -> dict[int, np.ndarray]:
    """(5, 3) corners of every view whose camera is known, `depth` deep, carried by a (4, 4) transform."""
    r = reconstruction
    return {
        view: moved(frustum(r.cam_from_world[view], r.Ks[view], r.image_size(view), depth), transform)
        for view in range(r.n_views)
        if r.is_valid(view) and np.isfinite(r.Ks[view]).all()
    }


def _robust_range(values: np.ndarray) -> tuple[float, float] | None:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = (float(v) for v in np.percentile(finite, (2, 98)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def conf_range(maps: Sequence[np.ndarray] | None) -> tuple[float, float] | None:
    """One colour scale for the confidence of all photos; None without confidences."""
    return None if maps is None else _robust_range(np.concatenate([m.ravel() for m in maps]))


def _draw_map(
    figure: Figure, axes: Any, title: str, values: np.ndarray, colors: str, norm: Normalize
) -> None:
    drawn = axes.imshow(np.where(np.isfinite(values), values, np.nan), cmap=colors, norm=norm)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)


def _draw_missing(axes: Any, title: str, why: str, aspect: float) -> None:
    axes.set_title(title, fontsize=9)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], facecolor="#eeeeee")
    axes.set_box_aspect(aspect)
    words = "\n".join(textwrap.wrap(f"missing: {why}", 30))
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=9, color="#444444")


@dataclass(frozen=True)
class PhotoMaps:
    """One photo and what a model says of its pixels.

    Attributes:
        title: its name.
        image: (H, W, 3) uint8.
        depth: (H, W) z in the camera, the reconstruction's units, or None.
        conf: (H, W) the model's own scale, or None.
    """

    title: str
    image: np.ndarray
    depth: np.ndarray | None
    conf: np.ndarray | None


def panels(photos: Sequence[PhotoMaps], scale: tuple[float, float] | None, missing: dict[str, str]) -> Figure:
    """RGB, depth and confidence side by side, a row per photo; what is missing says why in its place.

    Args:
        photos: at least one.
        scale: of the confidence's colours.
        missing: ``depth`` and ``confidence`` -> why there is none.
    """
    aspects = [photo.image.shape[0] / photo.image.shape[1] for photo in photos]
    heights = [0.9 + 3.6 * min(aspect, 2.0) for aspect in aspects]
    figure = Figure(figsize=(12, sum(heights)), layout="constrained")
    grid = figure.subplots(len(photos), 3, squeeze=False, gridspec_kw={"height_ratios": heights})
    for photo, aspect, (left, middle, right) in zip(photos, aspects, grid, strict=True):
        left.imshow(photo.image)
        left.set_title(photo.title, fontsize=10)
        left.set_axis_off()
        shown = None if photo.depth is None else _robust_range(photo.depth)
        if photo.depth is not None and shown is not None:
            norm = Normalize(*shown)
            _draw_map(figure, middle, "depth (the model's units)", photo.depth, "turbo_r", norm)
        else:
            _draw_missing(middle, "depth", missing["depth"], aspect)
        if photo.conf is not None and scale is not None:
            norm = Normalize(*scale)
            _draw_map(figure, right, "confidence (larger is surer)", photo.conf, "viridis", norm)
        else:
            _draw_missing(right, "confidence", missing["confidence"], aspect)
    return figure


@dataclass(frozen=True)
class Drawn:
    """Frustums to draw: (5, 3) corners each, one colour each, and a name for the legend."""

    corners: Sequence[np.ndarray]
    colors: Sequence[Any]
    label: str
    dashed: bool = False


def predicted(frusta: dict[int, np.ndarray], n_views: int, label: str) -> Drawn:
    """Frustums by view in their views' colours."""
    return Drawn(list(frusta.values()), [np.array(camera_color(v, n_views)) / 255 for v in frusta], label)


def _window(points: np.ndarray, cameras: np.ndarray, columns: tuple[int, int]) -> list[tuple[float, float]]:
    """Limits that show the middle 96 % of the points and every camera; no side is under 0.7 of the other."""
    middles, halves = [], []
    for column in columns:
        values = [*np.percentile(points[:, column], (2, 98))] if len(points) else []
        values += [*cameras[:, column]] if len(cameras) else []
        low, high = (min(values), max(values)) if values else (-1.0, 1.0)
        middles.append(float(low + high) / 2)
        halves.append(float(0.58 * (high - low)))
    least = 0.7 * max(halves) or 1.0
    return [(m - max(h, least), m + max(h, least)) for m, h in zip(middles, halves, strict=True)]


def two_sides(points: np.ndarray, colors: np.ndarray, cameras: Sequence[Drawn], title: str) -> Figure:
    """Points and frustums seen from above (x right, z away) and from the left side (z right, y down).

    Args:
        points: (P, 3) in a camera's frame: x right, y down, z forward.
        colors: (P, 3) uint8.
        cameras: frustums in the same frame.
        title: above both.
    """
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    axes = figure.subplots(1, 2)
    step = max(1, len(points) // SHOWN_POINTS)
    points, colors = points[::step], colors[::step]
    dot = 1.5 if len(points) > 5000 else 5.0
    corners = np.concatenate([np.zeros((0, 3)), *(c for drawn in cameras for c in drawn.corners)])
    for side, (columns, names) in enumerate(
        (((0, 2), ("x (right)", "z (forward)")), ((2, 1), ("z (forward)", "y (down)")))
    ):
        a, b = columns
        one = axes[side]
        one.scatter(points[:, a], points[:, b], c=colors / 255.0, s=dot, linewidths=0, rasterized=True)
        for drawn in cameras:
            for number, (five, color) in enumerate(zip(drawn.corners, drawn.colors, strict=True)):
                for i, j in FRUSTUM_EDGES:
                    one.plot(
                        five[[i, j], a],
                        five[[i, j], b],
                        color=color,
                        linewidth=1.1,
                        linestyle="--" if drawn.dashed else "-",
                        label=drawn.label if (i, j) == FRUSTUM_EDGES[0] and number == 0 else None,
                    )
        (x_low, x_high), (y_low, y_high) = _window(points, corners, columns)
        one.set(xlim=(x_low, x_high), ylim=(y_high, y_low) if b == 1 else (y_low, y_high))
        one.set_aspect("equal", adjustable="box")
        one.set_xlabel(names[0], fontsize=8)
        one.set_ylabel(names[1], fontsize=8)
        one.tick_params(labelsize=7)
        one.set_title("from above" if side == 0 else "from the side", fontsize=9)
    if any(drawn.corners for drawn in cameras):
        axes[0].legend(fontsize=7, loc="best")
    figure.suptitle(title, fontsize=10)
    return figure
