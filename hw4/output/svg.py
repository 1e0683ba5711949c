"""Charts as SVG: readable at phone width, following the reader's light or dark theme, with tooltips.

Matplotlib's colours are fixed when it draws; here they are CSS variables, so one file serves both themes.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from hw4.output.text_size import FONT_SIZE, text_width, wrapped

WIDTH, HEIGHT = 360, 270
RIGHT, TOP, TICKS_BELOW = 10, 8, 20
LINE = 13
LEGEND_ROW = 15
# Marks at the upper edge of the plot reach above it.
BELOW_LEGEND = 6

COLORS_LIGHT = ("#0072b2", "#c8500a", "#00805c", "#a0408c", "#8a6d00", "#4a4ac0", "#b02050", "#406060")
COLORS_DARK = ("#62bdf5", "#ff9b57", "#41d3a4", "#eda3da", "#e6d04b", "#a5a5ff", "#ff8aa8", "#a9c9c9")
DASHES = {1: "9 3", 2: "5 3", 3: "2 2", 4: "9 3 2 3", 5: "12 5", 6: "3 5", 7: "6 2 2 2"}
MARKERS = ("circle", "square", "triangle", "diamond")


def style() -> str:
    """CSS of all charts, light and dark."""

    def colors(values: Sequence[str]) -> str:
        return "".join(f".chart .s{i}{{--c:{value}}}" for i, value in enumerate(values))

    return (
        ".chart{--ink:#1c2430;--faint:#c9d0d8;--ground:#ffffff;--rest:#6a7683}"
        f"{colors(COLORS_LIGHT)}"
        "@media (prefers-color-scheme:dark)"
        "{.chart{--ink:#e4e9ef;--faint:#46505c;--ground:#161b22;--rest:#9aa6b4}"
        f"{colors(COLORS_DARK)}}}"
        f".chart text{{fill:var(--ink);font:{FONT_SIZE}px system-ui,sans-serif}}"
        ".chart .grid{stroke:var(--faint);stroke-width:.6}.chart .frame{stroke:var(--ink);fill:none}"
        ".chart .guide{stroke:var(--ink);stroke-dasharray:4 3;opacity:.6}"
        ".chart .line{stroke:var(--c);stroke-width:1.8;fill:none}"
        # Where two lines coincide, the lower one shows through the gaps of the upper one.
        f"{''.join(f'.chart .s{i} .line{{stroke-dasharray:{dashes}}}' for i, dashes in DASHES.items())}"
        ".chart .mark{fill:var(--c);fill-opacity:.75;stroke:var(--c)}"
        ".chart .bar{stroke:var(--c);stroke-width:1.6;opacity:.8}"
        ".chart .open{fill:var(--ground);stroke:var(--c);stroke-width:1.5}"
    )


@dataclass(frozen=True)
class Axis:
    """A labelled range; on a logarithmic axis, smaller values are drawn at `low`."""

    label: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Position in [0, 1]; values outside are drawn at the edge."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round numbers within the range; on a logarithmic axis of their own kind if at least two fit."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            inside: list[float] = []
            for multiples in ((1,), (1, 3), (1, 2, 5)):
                values = [m * 10.0**d for d in decades for m in multiples]
                inside = [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]
                if len(inside) >= 4:
                    break
            if len(inside) >= 2:
                return inside
        raw = (self.high - self.low) / 5
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Series:
    """One run's points or line; `tips` are tooltips, `hollow` marks points that stand for no result.

    `bars` are the ends of a vertical line at each point, or None where it has none. `marked` draws the points
    of a line as well.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    line: bool = False
    step: bool = False
    tips: Sequence[str] = ()
    hollow: Sequence[bool] = ()
    color: int = 0
    bars: Sequence[tuple[float, float] | None] = ()
    marked: bool = False


def chart(
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    description: str,
    diagonal: bool = False,
    guides: Sequence[float] = (),
) -> str:
    """An ``<svg>`` element; `guides` are vertical dashed lines, `diagonal` draws x = y."""
    legend, legend_height = _legend(series)
    top = TOP + legend_height
    height = HEIGHT + legend_height
    y_labels = [(tick, short_number(tick)) for tick in y.ticks()]
    y_title = wrapped(y.label, HEIGHT - TOP - TICKS_BELOW - LINE)
    left = LINE * len(y_title) + 10 + max((text_width(label) for _, label in y_labels), default=0)
    x_title = wrapped(x.label, WIDTH - left - RIGHT)
    bottom = height - TICKS_BELOW - LINE * len(x_title) - 4
    width, tall = WIDTH - left - RIGHT, bottom - top

    def px(value: float) -> float:
        return left + x.place(value) * width

    def py(value: float) -> float:
        return bottom - y.place(value) * tall

    parts = [legend]
    for tick in x.ticks():
        parts.append(line_at(px(tick), top, px(tick), bottom, "grid"))
        parts.append(tick_label(px(tick), bottom + 14, short_number(tick)))
    for tick, label in y_labels:
        parts.append(line_at(left, py(tick), WIDTH - RIGHT, py(tick), "grid"))
        parts.append(text_at(left - 5, py(tick) + 4, label, "end"))
    parts += [line_at(px(g), top, px(g), bottom, "guide") for g in guides if x.low <= g <= x.high]
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        parts.append(line_at(px(low), py(low), px(high), py(high), "guide"))
    parts.append(f'<rect class="frame" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{tall}"/>')
    for i, line in enumerate(x_title):
        parts.append(text_at(left + width / 2, bottom + TICKS_BELOW + LINE * (i + 1) - 3, line, "middle"))
    for i, line in enumerate(y_title):
        turned = f"translate({LINE * (i + 1) - 2} {top + tall / 2:.1f}) rotate(-90)"
        parts.append(f'<text text-anchor="middle" transform="{turned}">{escape(line)}</text>')
    for item in series:
        points = [(px(a), py(b)) for a, b in zip(item.x, item.y, strict=True)]
        ends = [None if bar is None else (py(bar[0]), py(bar[1])) for bar in item.bars]
        parts.append(_drawn(item, points, ends))
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(description)}">{"".join(parts)}</svg>'
    )


def drawn_of(shown: int, total: int) -> str:
    """Says so where not every run is drawn."""
    return f" The first {shown} of {total} runs are drawn." if shown < total else ""


def standalone(svg: str) -> str:
    """The same drawing as a file of its own, with its style and a ground."""
    inside = f'<style>{style()}</style><rect width="100%" height="100%" style="fill:var(--ground)"/>'
    return svg.replace(">", f">{inside}", 1) + "\n"


def _drawn(
    item: Series, points: Sequence[tuple[float, float]], ends: Sequence[tuple[float, float] | None]
) -> str:
    bars = zip(points, ends, strict=False)
    parts = [line_at(x, bar[0], x, bar[1], "bar") for (x, _), bar in bars if bar is not None]
    if item.line and points:
        path = [points[0]]
        for before, after in itertools.pairwise(points):
            path += [(after[0], before[1]), after] if item.step else [after]
        drawn = " ".join(f"{a:.1f},{b:.1f}" for a, b in path)
        parts.append(f'<polyline class="line" points="{drawn}"/>')
    if not item.line or item.marked or len(points) == 1:
        for i, point in enumerate(points):
            kind = "open" if item.hollow and item.hollow[i] else "mark"
            tip = f"<title>{escape(item.tips[i])}</title>" if item.tips else ""
            parts.append(_marker(item.color, point, kind, tip))
    return f'<g class="s{item.color % len(COLORS_LIGHT)}">{"".join(parts)}</g>'


def _marker(color: int, point: tuple[float, float], kind: str, tip: str = "") -> str:
    a, b = point
    shape = MARKERS[color % len(MARKERS)]
    if shape == "circle":
        return f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="3.6">{tip}</circle>'
    corners = {
        "square": ((-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)),
        "triangle": ((0, -4.2), (4, 3), (-4, 3)),
        "diamond": ((0, -4.4), (4.4, 0), (0, 4.4), (-4.4, 0)),
    }[shape]
    drawn = " ".join(f"{a + dx:.1f},{b + dy:.1f}" for dx, dy in corners)
    return f'<polygon class="{kind}" points="{drawn}">{tip}</polygon>'


def _legend(series: Sequence[Series]) -> tuple[str, int]:
    """Entries in as many rows as they need, long ones in several lines, and the height of all rows."""
    if not any(item.label for item in series):
        return "", 0
    start, sign_width, gap = 6.0, 16, 12
    parts, left, row = [], start, 0
    for item in series:
        lines = wrapped(item.label, WIDTH - start - sign_width - 2)
        width = sign_width + max(map(text_width, lines))
        if left > start and left + width > WIDTH:
            left, row = start, row + 1
        y = TOP + 4 + row * LEGEND_ROW
        group = f"s{item.color % len(COLORS_LIGHT)}"
        sign = (
            line_at(left, y, left + 12, y, "line")
            if item.line
            else _marker(item.color, (left + 6, y), "mark")
        )
        parts.append(f'<g class="{group}">{sign}</g>')
        for i, line in enumerate(lines):
            parts.append(text_at(left + sign_width, y + 4 + i * LEGEND_ROW, line, "start"))
        row += len(lines) - 1
        left += width + gap
    return "".join(parts), (row + 1) * LEGEND_ROW + BELOW_LEGEND


def tick_label(x: float, y: float, content: str) -> str:
    """A tick's label, centred below it unless that would leave the drawing."""
    half = text_width(content) / 2
    if x + half > WIDTH - 1:
        return text_at(WIDTH - 1, y, content, "end")
    return text_at(1, y, content, "start") if x - half < 1 else text_at(x, y, content, "middle")


def line_at(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A ``<line>`` of a class."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text_at(x: float, y: float, content: str, anchor: str, kind: str = "") -> str:
    """A ``<text>``, of a class where `kind` names one."""
    of = f' class="{kind}"' if kind else ""
    return f'<text{of} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def short_number(value: float) -> str:
    """A tick's number, short: 12.5k, 3M."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= max(size, 1e4):
            return f"{value / size:.4g}{suffix}"
    return f"{value:.4g}"
