"""The HTML of blocks: every text is text, charts stand together, cells break where they may."""

import base64
import re

import pytest

from hw4.output.blocks import (
    Block,
    Card,
    Cards,
    Chart,
    Columns,
    Document,
    Drawing,
    Folded,
    Gallery,
    Numbers,
    Picture,
    Section,
    Text,
)
from hw4.output.html import column_marks, sort_value, to_html
from hw4.output.tables import Table

HOSTILE = "</style><script>alert('1')</script> & \"q\""
DATA = Table("", ["a"], [["1,5"]])


def page(*blocks: Block) -> str:
    whole = to_html(Document("title", "subtitle", [Section("section", list(blocks))]), "report")
    # What follows are the page's own scripts.
    return whole.split("</main>")[0]


@pytest.mark.parametrize(
    "block",
    [
        Text(HOSTILE, lead=HOSTILE),
        Table(HOSTILE, [HOSTILE], [[HOSTILE]], [HOSTILE]),
        Chart(HOSTILE, HOSTILE, "<svg></svg>", DATA, HOSTILE),
        Gallery(HOSTILE, HOSTILE, [Picture(HOSTILE, HOSTILE, b"")], DATA, HOSTILE),
        Cards(
            HOSTILE,
            HOSTILE,
            [
                Card(
                    HOSTILE, [], [Drawing(Picture(HOSTILE, HOSTILE, b"<svg/>"), [("#fff", HOSTILE)])], HOSTILE
                )
            ],
            DATA,
        ),
        Folded(HOSTILE, [Table(HOSTILE, [HOSTILE], [])]),
        Columns([Text(HOSTILE)], [Chart(HOSTILE, HOSTILE, "<svg></svg>", DATA, HOSTILE)]),
        Numbers(HOSTILE, HOSTILE, DATA),
    ],
    ids=lambda block: type(block).__name__,
)
def test_every_block_escapes_every_text(block: Block) -> None:
    html = page(block)
    assert "&lt;script&gt;" in html and "<script" not in html
    assert html.count("</style>") == 1 and '"q"' not in html


def test_titles_and_the_folder_are_escaped() -> None:
    whole = to_html(Document(HOSTILE, HOSTILE, [Section(HOSTILE, [Numbers("n", "t", DATA)])]), HOSTILE)
    html = whole.split("</main>")[0]
    assert "<script" not in html and html.count("&lt;script&gt;") == 6


def test_the_link_holds_the_csv() -> None:
    content = re.search(r'href="data:text/csv;base64,([^"]+)"', page(Numbers("n", "t", DATA)))
    assert content is not None and base64.b64decode(content[1]).decode() == DATA.csv() == 'a\n"1,5"\n'


def test_charts_that_follow_one_another_share_a_grid() -> None:
    chart = Chart("c", "t", "<svg></svg>", DATA)
    html = page(chart, chart, Text("between"), chart)
    assert html.count('<div class="figures">') == 2 and html.count("<figure>") == 3
    assert html.index("</div>") < html.index("between") < html.rindex('<div class="figures">')


def test_keys_may_break_and_other_cells_not() -> None:
    html = page(Table("t", ["key"], [["splat.lr_end"], ["a.b <x>"], ["0.5"]]))
    assert "splat.<wbr>lr_<wbr>end" in html and "a.b &lt;x&gt;" in html and ">0.5</td>" in html


def test_columns_are_marked_by_their_cells() -> None:
    rows = [["no result at all", "1.5", "a sentence of more than that many letters"]]
    assert column_marks(Table("t", ["w", "n", "l"], rows)) == ["words", "", "long"]
    assert column_marks(Table("t", ["one"], [])) == [""]


@pytest.mark.parametrize(
    ("cell", "attribute"),
    [
        ("★ 5.834° [4.7, 7.3]", ' data-sort="5.834"'),
        ("−1.25 dB", ' data-sort="-1.25"'),
        ("38/40", ' data-sort="38"'),
        ("1e-4", ' data-sort="1e-4"'),
        ("—", ' data-sort=""'),
        ("dust3r", ""),
    ],
)
def test_cells_are_sorted_by_the_number_that_they_begin_with(cell: str, attribute: str) -> None:
    assert sort_value(cell) == attribute
