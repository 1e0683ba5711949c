"""The drawings of a report for print: the same numbers on the same axes, as PDF, SVG and PNG."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hw4.output.distribution import SPREAD, Row
from hw4.output.figures import figure_bytes
from hw4.output.svg import COLORS_LIGHT, Axis, Series

# Draws on matplotlib axes.
Plot = Callable[[Any], None]
FORMATS = ("pdf", "svg", "png")
WIDTH_IN, DPI = 3.4, 300
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}
MARKERS = "os^D"
DASHES = ("-", "--", "-.", ":")


def rendered(plot: Plot, height: float = 2.5) -> dict[str, bytes]:
    """A drawing in each of `FORMATS`, one column of a paper wide; `height` in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        plot(figure.add_subplot())
        return {kind: figure_bytes(figure, kind, DPI) for kind in FORMATS}


def plot_series(
    series: Sequence[Series], x: Axis, y: Axis, diagonal: bool = False, guides: Sequence[float] = ()
) -> Plot:
    """Lines and marks, as `hw4.output.svg.chart` draws them."""

    def plot(axes: Any) -> None:
        for one in series:
            color, marker = COLORS_LIGHT[one.color % len(COLORS_LIGHT)], MARKERS[one.color % len(MARKERS)]
            dash = DASHES[one.color % len(DASHES)]
            if one.line:
                draw = axes.step if one.step else axes.plot
                where = {"where": "post"} if one.step else {}
                dots = {"marker": marker, "ms": 3} if one.marked else {}
                draw(one.x, one.y, dash, color=color, label=one.label, lw=1.1, **dots, **where)
            else:
                hollow = np.array(one.hollow or [False] * len(one.x), dtype=bool)
                xs, ys = np.asarray(one.x, float), np.asarray(one.y, float)
                full = {"color": color, "lw": 0, "label": one.label or None}
                empty = {"facecolors": "none", "edgecolors": color, "lw": 0.7}
                axes.scatter(xs[~hollow], ys[~hollow], 9, marker=marker, **full)
                axes.scatter(xs[hollow], ys[hollow], 9, marker=marker, **empty)
            for at, bar in zip(one.x, one.bars, strict=False):
                if bar is not None:
                    axes.plot([at, at], bar, color=color, lw=1)
        for guide in guides:
            axes.axvline(guide, color="0.5", lw=0.6, ls="--")
        if diagonal:
            ends = max(x.low, y.low), min(x.high, y.high)
            axes.plot(ends, ends, color="0.5", lw=0.6, ls="--")
        _set(axes, x, "x")
        _set(axes, y, "y")
        if any(one.label for one in series):
            axes.legend(frameon=False)

    return plot


def plot_rows(rows: Sequence[Row], axis: Axis) -> Plot:
    """Strips, as `hw4.output.distribution` draws them."""

    def plot(axes: Any) -> None:
        for at, row in enumerate(rows):
            values = np.asarray(row.values, float)
            shifts = at + np.resize(SPREAD, len(values)) / 30
            color = COLORS_LIGHT[0] if row.best else "0.45"
            hollow = np.resize(np.array(row.hollow or [False], dtype=bool), len(values))
            axes.scatter(values[~hollow], shifts[~hollow], 5, color=color, alpha=0.45, lw=0)
            axes.scatter(values[hollow], shifts[hollow], 5, facecolors="none", edgecolors=color, lw=0.6)
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [at, at], color="black", lw=1.4)
            axes.plot([row.mean], [at], "D", color="black", ms=3)
        axes.set_yticks(range(len(rows)), [row.label.replace("★ ", "") for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        _set(axes, axis, "x")

    return plot


def plot_map(
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    cells: Sequence[Sequence[float | None]],
    said: Sequence[Sequence[str]],
    lowest: bool,
) -> Plot:
    """Two keys against each other, as `hw4.output.heatmap` draws them."""

    def plot(axes: Any) -> None:
        values = np.array([[np.nan if v is None else v for v in row] for row in cells], dtype=float)
        axes.imshow(values, cmap="Blues_r" if lowest else "Blues", aspect="auto", alpha=0.6)
        for i, texts in enumerate(said):
            for j, text in enumerate(texts):
                axes.text(j, i, text, ha="center", va="center", fontsize=6.5)
        axes.set_xticks(range(len(columns[1])), columns[1])
        axes.set_yticks(range(len(rows[1])), rows[1])
        axes.set(xlabel=columns[0], ylabel=rows[0])

    return plot


def _set(axes: Any, axis: Axis, which: str) -> None:
    if axis.log:
        getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(axis.low, axis.high)
    getattr(axes, f"set_{which}label")(axis.label)
    if axis.log:
        from matplotlib.ticker import NullFormatter

        ticks = axis.ticks()
        getattr(axes, f"set_{which}ticks")(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        getattr(axes, f"{which}axis").set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, lw=0.5)
