"""A report as one HTML file that loads nothing: styles inline, images as data, light and dark."""

import base64
import re
from collections.abc import Sequence
from html import escape

from hw4.output.blocks import Block, Chart, Document, Folded, Gallery, Numbers, Section, Text
from hw4.output.svg import style as chart_style
from hw4.output.tables import Table

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#5a6675;--rule:#d8dde3;
--warn-bg:#fff4d6;--warn:#7a4b00;--verdict-bg:#e6f1fb;--verdict:#0a3d66;--link:#0060b0;--shade:#00000040}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--card:#161b22;--ink:#e4e9ef;--soft:#9aa6b4;
--rule:#323b46;--warn-bg:#3a2c07;--warn:#ffd77a;--verdict-bg:#0f2a42;--verdict:#b9dcff;--link:#7cc0ff;--shade:#ffffff38}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:20px 16px 60px}
h1{font-size:1.5rem;line-height:1.25;margin:.2em 0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .6em}
h3{font-size:1rem;margin:1.1em 0 .4em}
.sub,.notes,figcaption{color:var(--soft);font-size:.85rem;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 14px;margin:12px 0 4px;font-size:.9rem}
a{color:var(--link)}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px;margin:16px 0}
p{margin:.6em 0;overflow-wrap:break-word}
.warning,.verdict{border-radius:8px;padding:10px 12px}
.warning{background:var(--warn-bg);color:var(--warn);border-left:4px solid var(--warn)}
.verdict{background:var(--verdict-bg);color:var(--verdict);border-left:4px solid var(--verdict)}
.note{color:var(--soft)}
.scroll{overflow-x:auto;max-width:100%;border:1px solid var(--rule);border-radius:6px;
background:linear-gradient(to left,var(--card) 40%,transparent) right/48px 100% no-repeat local,
linear-gradient(to left,var(--shade),transparent) right/24px 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;min-width:100%}
th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{text-align:right;font-weight:600;vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--card);
white-space:normal;min-width:7.5em;max-width:15em;overflow-wrap:break-word}
td.long:first-child{max-width:none;min-width:15em;position:static}
td.long{white-space:normal;min-width:14em;text-align:left;overflow-wrap:anywhere}
th.long,.words{text-align:left}
td.words{white-space:normal;min-width:7em}
tr:last-child td{border-bottom:0}
table.lone td:first-child,table.lone th:first-child{max-width:none;position:static}
.notes{margin:.4em 0 0;padding-left:1.2em}
.figures{display:grid;
grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:18px;margin:14px 0}
figure{margin:0;min-width:0}
figure h3{margin:.2em 0}
.chart{display:block;width:100%;max-width:520px;height:auto}
.gallery{display:grid;
grid-template-columns:repeat(auto-fill,minmax(min(100%,240px),1fr));gap:12px;margin:8px 0}
.gallery img{display:block;width:100%;height:auto;border-radius:4px;image-rendering:auto}
.gallery span{font-size:.85rem;overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:600;padding:4px 0}
details{margin:.8em 0}
@media (max-width:500px){main{padding:10px 8px 40px}section{padding:12px 10px}th,td{padding:5px 6px}
table{font-size:.8rem}p.verdict,p.warning{font-size:.92rem}
.gallery{grid-template-columns:repeat(2,1fr)}th:first-child,td:first-child{max-width:9.5em;min-width:6em}
td.long{min-width:9em}td.long:first-child{max-width:none;min-width:12em}}
@media print{section{break-inside:avoid;border:0}}
"""
LONG_CELL, SHORT_CELL = 24, 9
WORDS = re.compile(r"[^\W\d]{3}")
KEY = re.compile(r"[a-z_]+\.[\w.]+")


def to_html(document: Document, data_folder: str) -> str:
    """The whole file; `data_folder` is where the CSV files lie, named for people who want them."""
    links = "".join(f'<a href="#s{i}">{escape(s.title)}</a>' for i, s in enumerate(document.sections))
    body = "".join(_section(s, i, data_folder) for i, s in enumerate(document.sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(document.title)}</title><style>{STYLE}{chart_style()}</style></head>\n"
        f'<body><main><h1>{escape(document.title)}</h1><p class="sub">{escape(document.subtitle)}</p>'
        f"<nav>{links}</nav>\n{body}</main></body></html>\n"
    )


def _section(section: Section, number: int, data_folder: str) -> str:
    parts, charts = [], []
    for block in [*section.blocks, None]:
        if isinstance(block, Chart):
            charts.append(_chart(block, data_folder))
            continue
        if charts:
            parts.append(f'<div class="figures">{"".join(charts)}</div>')
            charts = []
        if block is not None:
            parts.append(_block(block, data_folder))
    return f'<section id="s{number}"><h2>{escape(section.title)}</h2>{"".join(parts)}</section>\n'


def _block(block: Block, data_folder: str) -> str:
    if isinstance(block, Text):
        lead = f"<strong>{escape(block.lead)}</strong> " if block.lead else ""
        return f'<p class="{block.kind}">{lead}{escape(block.text)}</p>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Gallery):
        return _gallery(block, data_folder)
    if isinstance(block, Folded):
        tables = "".join(map(_table, block.tables))
        return f"<details><summary>{escape(block.title)}</summary>{tables}</details>"
    if isinstance(block, Numbers):
        return f'<p class="note">{escape(block.text)} {_download(block, data_folder)}</p>'
    return _chart(block, data_folder)


def _table(table: Table) -> str:
    marks = [_mark([row[i] for row in table.rows]) for i in range(len(table.columns))]
    head = "".join(f"<th{m}>{escape(c)}</th>" for c, m in zip(table.columns, marks, strict=True))
    rows = "".join(f"<tr>{''.join(map(_cell, row, marks))}</tr>" for row in table.rows)
    lone = ' class="lone"' if len(table.columns) == 1 else ""
    return (
        f'<h3>{escape(table.title)}</h3><div class="scroll" tabindex="0"><table{lone}><thead><tr>{head}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{_notes(table.notes)}"
    )


def _mark(cells: Sequence[str]) -> str:
    """A column of words may wrap, one of long cells is wide as well; numbers stay whole."""
    if any(len(cell) > LONG_CELL for cell in cells):
        return ' class="long"'
    words = all(map(WORDS.search, cells)) and any(len(cell) > SHORT_CELL for cell in cells)
    return ' class="words"' if words else ""


def _cell(content: str, mark: str) -> str:
    """A cell; configuration keys may break after their dots and underscores."""
    text = escape(content)
    if KEY.fullmatch(content):
        text = text.replace(".", ".<wbr>").replace("_", "_<wbr>")
    return f"<td{mark}>{text}</td>"


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _download(figure: Chart | Gallery | Numbers, data_folder: str) -> str:
    """A link that holds the CSV itself, named after the file that lies beside the report."""
    name = f"{figure.name}.csv"
    content = base64.b64encode(figure.data.csv().encode()).decode()
    return (
        f'<a download="{escape(name)}" href="data:text/csv;base64,{content}">data: {escape(data_folder)}/'
        f"{escape(name)}</a>"
    )


def _chart(chart: Chart, data_folder: str) -> str:
    caption = f"{escape(chart.caption)} {_download(chart, data_folder)}"
    return f"<figure><h3>{escape(chart.title)}</h3>{chart.svg}<figcaption>{caption}</figcaption></figure>"


def _gallery(gallery: Gallery, data_folder: str) -> str:
    pictures = "".join(
        f'<div><img alt="{escape(p.label)}" src="data:image/{"png" if p.suffix == ".png" else "jpeg"};base64,'
        f'{base64.b64encode(p.content).decode()}"><span>{escape(p.label)}</span></div>'
        for p in gallery.pictures
    )
    return (
        f'<figure><h3>{escape(gallery.title)}</h3><div class="gallery">{pictures}</div>'
        f"<figcaption>{escape(gallery.caption)} {_download(gallery, data_folder)}</figcaption></figure>"
    )
