"""A report as Markdown: the same blocks, with figures as files beside it."""

from collections.abc import Sequence

from hw4.output.blocks import WARNING, Block, Cards, Chart, Columns, Document, Folded, Gallery, Numbers, Text
from hw4.output.tables import Table


def to_markdown(document: Document, data_folder: str) -> str:
    """GitHub-flavoured Markdown; figures are read from `data_folder`, relative to the file."""
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle)]
    for section in document.sections:
        parts.append(f"## {_plain(section.title)}")
        parts += [_block(block, data_folder) for block in section.blocks]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _blocks(blocks: Sequence[Block], data_folder: str) -> str:
    return "\n\n".join(_block(block, data_folder).strip("\n") for block in blocks)


def _plain(text: str) -> str:
    """Text whose < and * mean themselves."""
    return text.replace("<", "&lt;").replace("*", "\\*")


def _table(table: Table) -> str:
    rows = [[_plain(cell) for cell in row] for row in table.rows]
    columns = [_plain(column) for column in table.columns]
    return Table(_plain(table.title), columns, rows, [_plain(note) for note in table.notes]).markdown()


def _block(block: Block, data_folder: str) -> str:
    if isinstance(block, Text):
        lead = f"**{_plain(block.lead)}** " if block.lead else ""
        return f"> **{_plain(block.text)}**" if block.kind == WARNING else lead + _plain(block.text)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Folded):
        inside = _blocks(block.blocks, data_folder)
        return f"<details><summary>{_plain(block.title)}</summary>\n\n{inside}\n\n</details>"
    if isinstance(block, Columns):
        return _blocks([*block.left, *block.right], data_folder)
    csv = f"[data]({data_folder}/{block.name}.csv)"
    if isinstance(block, Numbers):
        return f"{_plain(block.text)} ({csv})"
    head = f"**{_plain(block.title)}** ({csv})"
    if isinstance(block, Cards):
        return f"{head}\n\n{_cards(block, data_folder)}"
    if isinstance(block, Chart):
        drawn = f"![{_plain(block.title)}]({data_folder}/{block.name}.svg)"
    else:
        drawn = _pictures(block, data_folder)
    return f"{head}\n\n{drawn}\n\n{_plain(block.caption)}"


def _cards(cards: Cards, data_folder: str) -> str:
    lines = []
    for card in cards.cards:
        photos = " ".join(
            f"![{_plain(p.label)}]({data_folder}/{cards.name}_{p.name}{p.suffix})" for p in card.pictures
        )
        said = " ".join(
            [drawing.picture.label for drawing in card.drawings] + ([card.note] if card.note else [])
        )
        lines.append("\n\n".join(filter(None, [_plain(card.label), photos, _plain(said)])))
    return "\n\n".join(lines)


def _pictures(gallery: Gallery, data_folder: str) -> str:
    return "\n\n".join(
        f"![{_plain(p.label)}]({data_folder}/{gallery.name}_{p.name}{p.suffix})\n{_plain(p.label)}"
        for p in gallery.pictures
    )
