"""Two keys against each other: a cell for each pair of values, its number in it and its shade behind."""

from collections.abc import Sequence
from html import escape

from hw4.core.scale import MISSING
from hw4.output.svg import LINE, WIDTH, text_at
from hw4.output.text_size import text_width, wrapped

ROW = 24
# Shades are faint enough for the text on them: ink on the darkest has a contrast above 4.5.
FAINTEST, DARKEST = 0.06, 0.5


def style() -> str:
    """CSS of these drawings, beside that of all charts."""
    return (
        ".chart .cell{fill:var(--c);stroke:var(--ground)}.chart .gap{fill:none;stroke:var(--faint)}"
        ".chart .chosen{fill:none;stroke:var(--ink);stroke-width:2}"
    )


def heatmap(
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    cells: Sequence[Sequence[float | None]],
    said: Sequence[Sequence[str]],
    lowest: bool,
    description: str,
) -> str:
    """An ``<svg>`` element, the better the darker; the best cells have a frame.

    Args:
        rows: the key down the side and its values; `columns` the key along the top and its values.
        cells: the numbers, a list for each row; None where there is none.
        said: the same as texts.
        lowest: whether the lowest number is the best one.
        description: of the drawing, for people who cannot see it.
    """
    known = [value for row in cells for value in row if value is not None]
    best = (min(known) if lowest else max(known)) if known else None
    left = 12 + max(map(text_width, [rows[0], *rows[1]]))
    width = (WIDTH - left - 2) / len(columns[1])
    short = all(text_width(text) <= width - 4 for row in said for text in row)
    heads = [wrapped(value, width - 2) for value in columns[1]]
    top = 18.0 + LINE * max(map(len, heads))
    parts = [
        text_at(left + (WIDTH - left) / 2, 11, columns[0], "middle"),
        text_at(2, top - 5, rows[0], "start"),
    ]
    for i, lines in enumerate(heads):
        middle = left + (i + 0.5) * width
        parts += [text_at(middle, 24 + LINE * n, line, "middle") for n, line in enumerate(lines)]
    frames = []
    for i, (name, values, texts) in enumerate(zip(rows[1], cells, said, strict=True)):
        y = top + i * ROW
        parts.append(text_at(2, y + 16, name, "start"))
        for j, (value, text) in enumerate(zip(values, texts, strict=True)):
            x = left + j * width
            box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{ROW}"'
            tip = f"<title>{escape(f'{rows[0]} {name}, {columns[0]} {columns[1][j]}: {text}')}</title>"
            if value is None:
                parts.append(f'<rect class="gap" {box}>{tip}</rect>')
                parts.append(text_at(x + width / 2, y + 16, MISSING, "middle"))
                continue
            shade = f"fill-opacity:{_shade(value, known, lowest):.2f}"
            parts.append(f'<rect class="cell" {box} style="{shade}">{tip}</rect>')
            if short:
                parts.append(text_at(x + width / 2, y + 16, text, "middle"))
            if value == best:
                frames.append(f'<rect class="chosen" {box}/>')
    height = top + ROW * len(rows[1]) + 4
    size = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="{escape(description)}"><g class="s0">{"".join([*parts, *frames])}</g></svg>'
    )


def _shade(value: float, known: Sequence[float], lowest: bool) -> float:
    low, high = min(known), max(known)
    share = 0.5 if high == low else (value - low) / (high - low)
    return FAINTEST + (DARKEST - FAINTEST) * (1 - share if lowest else share)
