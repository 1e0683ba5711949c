"""The metric against each swept key: lines for numbers, strips for names, two keys as a map."""

from collections.abc import Sequence

import numpy as np

from hw4.config.stages import POSE
from hw4.output.blocks import Chart
from hw4.output.distribution import Row, distribution
from hw4.output.heatmap import heatmap
from hw4.output.paper import plot_map, plot_rows, plot_series
from hw4.output.svg import Axis, Series, chart
from hw4.output.tables import Table
from hw4.report.sections.effects import ASKED_THERE
from hw4.report.sweep import Swept, all_numbers, as_number

MAX_LINES, MAX_CELLS = 8, 12
# More columns than this have no room for all digits.
WHOLE_CELLS = 4
# The ends of a logarithmic axis of a key lie at least so many times apart.
LOG_FROM = 20.0


# So few answers leave room beside the picture; of so many settings a map says more than sentences.
FEW_ANSWERS, MANY_SETTINGS = 2, 7


def first_charts(sweeps: Sequence[Swept], n_answers: int) -> list[Chart]:
    """What the first screen shows of the sweeps, beside so many answers."""
    charts = [chart for swept in sweeps for chart in charts_of(swept)]
    many = any(len(swept.grid.values) >= MANY_SETTINGS for swept in sweeps)
    return charts[:1] if many or n_answers <= FEW_ANSWERS else []


def charts_of(swept: Swept) -> list[Chart]:
    """A map of two keys, and each key by itself; nothing where the pose comparisons say it all."""
    grid = swept.grid
    blocks: list[Chart] = []
    if swept.stage == POSE and set(grid.keys) <= set(ASKED_THERE):
        return []
    if len(grid.keys) == 2:
        found = key_map(swept)
        if found is not None:
            blocks.append(found)
    for key in grid.keys:
        values = grid.of(key)
        if all_numbers(values):
            blocks.append(key_line(swept, key))
        elif len(values) < len(grid.values):
            # One setting a name: the picture of the first screen shows that.
            blocks.append(key_strips(swept, key))
    return blocks


def key_map(swept: Swept) -> Chart | None:
    """Two keys against each other; None where a cell would have two settings or there are too many."""
    grid = swept.grid
    down, along = sorted(grid.keys, key=lambda key: -len(grid.of(key)))
    rows, columns = grid.of(down), grid.of(along)
    at = {(row[grid.keys.index(down)], row[grid.keys.index(along)]): i for i, row in enumerate(grid.values)}
    if len(at) < len(grid.values) or len(columns) > MAX_CELLS or len(rows) < 2 or len(columns) < 2:
        return None
    cells = [[_at(swept.means, at.get((r, c))) for c in columns] for r in rows]
    write = swept.scale.short if len(columns) > WHOLE_CELLS else swept.scale.text
    said = [["" if v is None else write(v) for v in row] for row in cells]
    names = dict(zip(grid.keys, grid.names, strict=True))
    sides = (names[down], rows), (names[along], columns)
    svg = heatmap(*sides, cells, said, swept.scores.lowest, swept.title)
    plot = plot_map(*sides, cells, said, swept.scores.lowest)
    data = Table(
        "",
        [down, along, swept.title],
        [
            [r, c, "" if v is None else str(v)]
            for r, row in zip(rows, cells, strict=True)
            for c, v in zip(columns, row, strict=True)
        ],
    )
    caption = "Darker is better; framed: the best."
    title = f"{_big(swept.what)} by {names[down]} and {names[along]}"
    return Chart(f"{swept.stage}_map", title, svg, data, caption, plot)


def _at(means: np.ndarray, index: int | None) -> float | None:
    return None if index is None else float(means[index])


def key_line(swept: Swept, key: str) -> Chart:
    """The metric over a key of numbers: a line for each setting of the other keys, replicates as spread."""
    grid, column = swept.grid, swept.grid.keys.index(key)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(grid.values):
        groups.setdefault(tuple(v for j, v in enumerate(row) if j != column), []).append(i)
    others = [name for j, name in enumerate(grid.names) if j != column]
    series, data = [], []
    for color, (rest, members) in enumerate(list(groups.items())[:MAX_LINES]):
        members = sorted(members, key=lambda i: as_number(grid.values[i][column]))
        label = ", ".join(f"{name}={value}" for name, value in zip(others, rest, strict=True))
        x, y = [as_number(grid.values[i][column]) for i in members], [float(swept.means[i]) for i in members]
        spreads = [swept.scores.replicates[i] for i in members]
        tips = [f"{swept.scores.settings[i][0]}: {swept.said(float(swept.means[i]))}" for i in members]
        bars = [(min(s), max(s)) if len(s) > 1 else None for s in spreads]
        series.append(Series(label, x, y, line=True, tips=tips, color=color, bars=bars, marked=True))
        data += [
            [swept.scores.settings[i][0], grid.values[i][column], str(v), str(min(s)), str(max(s))]
            for i, v, s in zip(members, y, spreads, strict=True)
        ]
    xs = [value for one in series for value in one.x]
    ys = [value for one in series for value in one.y]
    ys += [end for one in series for bar in one.bars if bar for end in bar]
    log = min(xs) > 0 and max(xs) / min(xs) >= LOG_FROM
    pad = 0.0 if log else 0.04 * (max(xs) - min(xs))
    margin = 0.08 * (max(ys) - min(ys)) or 0.05 * abs(max(ys)) or 1.0
    low, high = (min(xs) / 1.1, max(xs) * 1.1) if log else (min(xs) - pad, max(xs) + pad)
    x_axis, y_axis = Axis(key, low, high, log=log), Axis(swept.title, min(ys) - margin, max(ys) + margin)
    svg = chart(series, x_axis, y_axis, f"{swept.what} over {key}")
    plot = plot_series(series, x_axis, y_axis)
    caption = "Lower is better." if swept.scores.lowest else "Higher is better."
    if any(bar for one in series for bar in one.bars):
        caption += " Bars: from the least to the largest of the seeds."
    if len(groups) > MAX_LINES:
        caption += f" The first {MAX_LINES} of {len(groups)} lines are drawn."
    table = Table("", ["setting", key, swept.what, "least of its seeds", "largest"], data)
    title = f"{_big(swept.what)} over {grid.names[column]}"
    return Chart(f"{swept.stage}_by_{_slug(key)}", title, svg, table, caption, plot)


def key_strips(swept: Swept, key: str) -> Chart:
    """The metric by a key of names: a mark for each setting."""
    grid, column = swept.grid, swept.grid.keys.index(key)
    rows, data = [], []
    means = {
        value: [i for i, row in enumerate(grid.values) if row[column] == value] for value in grid.of(key)
    }
    averages = {value: float(np.mean(swept.means[members])) for value, members in means.items()}
    best = (min if swept.scores.lowest else max)(averages.values())
    every = [float(v) for v in swept.means]
    for value, members in means.items():
        values = [float(swept.means[i]) for i in members]
        tips = [f"{swept.scores.settings[i][0]}: {swept.said(float(swept.means[i]))}" for i in members]
        mean = averages[value]
        rows.append(Row(value, swept.said(mean), values, tips, mean, best=mean == best))
        data += [[value, swept.scores.settings[i][0], str(float(swept.means[i]))] for i in members]
    margin = 0.08 * (max(every) - min(every)) or 1.0
    axis = Axis(swept.title, min(every) - margin, max(every) + margin)
    svg = distribution(rows, axis, f"{swept.what} by {key}")
    caption = "One mark a setting; diamond: their mean."
    table = Table("", [key, "setting", swept.what], data)
    title = f"{_big(swept.what)} by {grid.names[column]}"
    plot = plot_rows(rows, axis)
    return Chart(f"{swept.stage}_by_{_slug(key)}", title, svg, table, caption, plot)


def _big(text: str) -> str:
    return text[:1].upper() + text[1:]


def _slug(key: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in key)
