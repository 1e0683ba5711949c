"""One strip of marks per row, with its mean and interval: who is better, by how much, how sure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from hw4.output.svg import LINE, RIGHT, WIDTH, Axis, line_at, short_number, text_at, tick_label
from hw4.output.text_size import text_width, wrapped

LEFT = 8
STRIP, GAP = 14, 6
# A mark stands at one of these heights in its strip, so that equal values do not hide each other.
SPREAD = (0.0, -4.0, 3.0, -2.0, 5.0, 1.5, -5.0, 4.0, -1.0, 2.5)


@dataclass(frozen=True)
class Row:
    """One strip.

    Attributes:
        label: what stands over it, and `said` its number in words.
        values: (n,), drawn as marks; `tips` their tooltips, `hollow` which stand for no result.
        mean: drawn as a diamond, with the line of its interval where it has one.
        best: whether it is the one to look at.
    """

    label: str
    said: str
    values: Sequence[float]
    tips: Sequence[str]
    mean: float
    low: float | None = None
    high: float | None = None
    hollow: Sequence[bool] = ()
    best: bool = False


def style() -> str:
    """CSS of these drawings, beside that of all charts."""
    return (
        ".chart .rest{--c:var(--rest)}.chart .band{fill:var(--c);opacity:.13}"
        ".chart .dot{fill:var(--c);fill-opacity:.4}.chart .none{fill:none;stroke:var(--c)}"
        ".chart .middle{stroke:var(--ink);stroke-width:1}"
        ".chart .interval{stroke:var(--ink);stroke-width:2.5;stroke-linecap:round}"
        ".chart .mean{fill:var(--ink);stroke:var(--ground);stroke-width:1}.chart text.best{font-weight:700}"
    )


def distribution(rows: Sequence[Row], axis: Axis, description: str) -> str:
    """An ``<svg>`` element: marks of every value, a line at the median, mean and interval of each row."""
    width = WIDTH - LEFT - RIGHT
    strips, y = [], 4.0

    def px(value: float) -> float:
        return LEFT + axis.place(value) * width

    for row in rows:
        lines = wrapped(row.label, WIDTH - LEFT - RIGHT - text_width(row.said) * 1.1 - 12)
        tall = LINE * len(lines) + STRIP + GAP
        strips.append(_strip(row, lines, y, tall, px))
        y += tall
    grid = [line_at(px(tick), 4, px(tick), y, "grid") for tick in axis.ticks()]
    ticks = [tick_label(px(tick), y + 12, short_number(tick)) for tick in axis.ticks()]
    title = [
        text_at(WIDTH / 2, y + 27 + LINE * i, line, "middle")
        for i, line in enumerate(wrapped(axis.label, WIDTH))
    ]
    height = y + 33 + LINE * (len(title) - 1)
    size = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="{escape(description)}">{"".join([*grid, *strips, *ticks, *title])}</svg>'
    )


def _strip(row: Row, lines: Sequence[str], y: float, tall: float, px: Callable[[float], float]) -> str:
    kind = "best" if row.best else ""
    middle = y + LINE * len(lines) + STRIP / 2 + 1
    parts = []
    if row.best:
        parts.append(
            f'<rect class="band" x="2" y="{y:.1f}" width="{WIDTH - 4}" height="{tall - 1:.1f}" rx="4"/>'
        )
    parts += [text_at(LEFT, y + 10 + LINE * i, line, "start", kind) for i, line in enumerate(lines)]
    parts.append(text_at(WIDTH - RIGHT, y + 10, row.said, "end", kind))
    for i, value in enumerate(row.values):
        hollow = bool(row.hollow) and row.hollow[i]
        mark = "none" if hollow else "dot"
        height = middle + SPREAD[i % len(SPREAD)]
        parts.append(
            f'<circle class="{mark}" cx="{px(value):.1f}" cy="{height:.1f}" r="2.3">'
            f"<title>{escape(row.tips[i])}</title></circle>"
        )
    if len(row.values):
        median = px(float(np.median(row.values)))
        parts.append(line_at(median, middle - 6, median, middle + 6, "middle"))
    if row.low is not None and row.high is not None:
        parts.append(line_at(px(row.low), middle, px(row.high), middle, "interval"))
    x = px(row.mean)
    corners = ((x - 4, middle), (x, middle - 5), (x + 4, middle), (x, middle + 5))
    diamond = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    parts.append(f'<polygon class="mean" points="{diamond}"><title>{escape(row.said)}</title></polygon>')
    return f'<g class="{"s0" if row.best else "rest"}">{"".join(parts)}</g>'
