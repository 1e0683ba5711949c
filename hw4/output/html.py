"""A report as one HTML file that loads nothing: styles inline, images as data, light and dark."""

import base64
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hw4.output.blocks import Block, Chart, Document, scenes_in
from hw4.output.distribution import style as strip_style
from hw4.output.heatmap import style as map_style
from hw4.output.svg import style as chart_style
from hw4.output.tables import MISSING, Table

LONG_CELL, SHORT_CELL = 24, 9
WORDS = re.compile(r"[^\W\d]{3}")
NUMBER = re.compile(r"(?:★ )?([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
KEY = re.compile(r"[a-z_]+\.[\w.]+")


def to_html(document: Document, data_folder: str) -> str:
    """The whole file; `data_folder` is where the CSV files lie, named for people who want them."""
    template = _environment().get_template("report.html.j2")
    blocks = [block for section in document.sections for block in section.blocks]
    scripts = [_script(name) for name in ("page.min.js", *["scene.min.js"] * scenes_in(blocks), "report.js")]
    return template.render(
        document=document,
        data_folder=data_folder,
        chart_style=chart_style() + strip_style() + map_style(),
        scripts=scripts,
        policy=policy(scripts),
    )


def policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy under which these scripts run, no other does, and nothing is loaded."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _script(name: str) -> str:
    """A file of ``web/``; its licence lies beside it."""
    text = resources.files("hw4.output").joinpath("web", name).read_text(encoding="utf-8")
    # The end of the element would end the script.
    assert "</script" not in text.lower()
    return text.strip()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hw4.output"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (breakable, charts_together, column_marks, data_uri, kind, sort_value)
    environment.filters |= {function.__name__: function for function in filters}
    return environment


def kind(block: Block) -> str:
    """The macro that draws a block: its class's name in lower case."""
    return type(block).__name__.lower()


def charts_together(blocks: Sequence[Block]) -> Iterator[tuple[bool, list[Block]]]:
    """Runs of blocks, and whether they are charts: those that follow one another share a grid."""
    for are_charts, group in itertools.groupby(blocks, lambda block: isinstance(block, Chart)):
        yield are_charts, list(group)


def column_marks(table: Table) -> list[str]:
    """CSS class of each column, by its cells: words may wrap, long texts are wide too, numbers stay whole."""
    return [_mark([row[i] for row in table.rows]) for i in range(len(table.columns))]


def _mark(cells: Sequence[str]) -> str:
    if any(len(cell) > LONG_CELL for cell in cells):
        return "long"
    words = all(map(WORDS.search, cells)) and any(len(cell) > SHORT_CELL for cell in cells)
    return "words" if words else ""


def breakable(cell: str) -> str:
    """A cell; configuration keys may break after their dots and underscores."""
    if not KEY.fullmatch(cell):
        return cell
    return escape(cell).replace(".", Markup(".<wbr>")).replace("_", Markup("_<wbr>"))


def sort_value(cell: str) -> Markup:
    """The number by which a cell is sorted, where it begins with one: 12 of ``★ 12.3° [11, 14]``."""
    found = NUMBER.match(cell.replace("−", "-"))
    if found:
        return Markup(' data-sort="{}"').format(found[1])
    return Markup(' data-sort=""') if cell == MISSING else Markup("")


def data_uri(content: str | bytes, mime: str) -> str:
    """Content as a link that holds it."""
    raw = content.encode() if isinstance(content, str) else content
    return f"data:{mime};base64,{base64.b64encode(raw).decode()}"
