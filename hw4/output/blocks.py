"""The parts of a report, before it is HTML or Markdown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hw4.output.tables import Table

# Suffix and media type of images; all others by how they begin.
JPEG = (".jpg", "image/jpeg")
FORMATS = {b"\x89PNG": (".png", "image/png"), b"<svg": (".svg", "image/svg+xml")}
PLAIN, WARNING, VERDICT, NOTE = "plain", "warning", "verdict", "note"


@dataclass(frozen=True)
class Text:
    """A paragraph; `kind` is one of `PLAIN`, `WARNING`, `VERDICT`, `NOTE`; `lead` stands out before it."""

    text: str
    kind: str = PLAIN
    lead: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing with the numbers it shows.

    Attributes:
        name: file name without suffix; the SVG and the CSV are written under it.
        title: one line.
        svg: the drawing (see `hw4.output.svg`).
        data: every number drawn, at full precision.
        caption: how to read it.
        plot: draws the same on matplotlib axes, for print (see `hw4.output.paper`).
    """

    name: str
    title: str
    svg: str
    data: Table
    caption: str = ""
    plot: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Picture:
    """An image with what stands below it; `content` holds PNG, JPEG or SVG bytes."""

    name: str
    label: str
    content: bytes

    @property
    def suffix(self) -> str:
        """File name suffix of the image's format."""
        return self._format[0]

    @property
    def mime(self) -> str:
        """Media type of the image's format."""
        return self._format[1]

    @property
    def _format(self) -> tuple[str, str]:
        return next((kind for start, kind in FORMATS.items() if self.content.startswith(start)), JPEG)


@dataclass(frozen=True)
class Gallery:
    """Images side by side, with the numbers that belong to them."""

    name: str
    title: str
    pictures: Sequence[Picture]
    data: Table
    caption: str = ""


@dataclass(frozen=True)
class Numbers:
    """Numbers that only the CSV holds; `text` says which."""

    name: str
    text: str
    data: Table


@dataclass(frozen=True)
class Drawing:
    """A picture with its legend.

    Attributes:
        picture: its label says how to read it.
        legend: colour and meaning of each mark.
        scene: the same as JSON of `hw4.output.scene3d`, for a script to turn, or None.
    """

    picture: Picture
    legend: Sequence[tuple[str, str]] = ()
    scene: str | None = None


@dataclass(frozen=True)
class Card:
    """One sample: a line, its photos, what was made of them; `note` says what lacks."""

    label: str
    photos: Sequence[Picture]
    drawings: Sequence[Drawing] = ()
    note: str = ""

    @property
    def pictures(self) -> list[Picture]:
        """All of it that is an image."""
        return [*self.photos, *(drawing.picture for drawing in self.drawings)]

    @property
    def has_scene(self) -> bool:
        """Whether something of it can be turned."""
        return any(drawing.scene for drawing in self.drawings)


@dataclass(frozen=True)
class Cards:
    """Samples one by one, on request, with their numbers."""

    name: str
    title: str
    cards: Sequence[Card]
    data: Table


@dataclass(frozen=True)
class Folded:
    """Blocks that are there on request: long lists, the numbers behind an answer."""

    title: str
    blocks: Sequence["Block"]


@dataclass(frozen=True)
class Columns:
    """Blocks side by side where there is room: words on the left, what shows them on the right."""

    left: Sequence["Block"]
    right: Sequence["Block"]


Block = Text | Table | Chart | Gallery | Cards | Folded | Numbers | Columns
Figure = Chart | Gallery | Cards | Numbers


def pictures_of(figure: Gallery | Cards) -> list[Picture]:
    """All its pictures."""
    if isinstance(figure, Gallery):
        return list(figure.pictures)
    return [picture for card in figure.cards for picture in card.pictures]


def scenes_in(blocks: Sequence[Block]) -> bool:
    """Whether any of them has a scene to turn."""
    return any(card.has_scene for one in figures_in(blocks) if isinstance(one, Cards) for card in one.cards)


def _unfolded(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks, in order, with what those hold that only arrange others."""
    for block in blocks:
        if isinstance(block, Folded):
            yield from _unfolded(block.blocks)
        elif isinstance(block, Columns):
            yield from _unfolded([*block.left, *block.right])
        else:
            yield block


def tables_in(blocks: Sequence[Block]) -> list[Table]:
    """Every table in them, in order."""
    return [block for block in _unfolded(blocks) if isinstance(block, Table)]


def figures_in(blocks: Sequence[Block]) -> list[Figure]:
    """Everything in them that has a CSV, in order."""
    return [block for block in _unfolded(blocks) if isinstance(block, Figure)]


@dataclass
class Section:
    """A heading and what follows it; `folded`: only on request."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    folded: bool = False


@dataclass
class Document:
    """A whole report."""

    title: str
    subtitle: str
    sections: list[Section]

    def tables(self) -> list[Table]:
        """Every table, in order."""
        return [table for section in self.sections for table in tables_in(section.blocks)]

    def figures(self) -> list[Figure]:
        """Everything that has a CSV, in order."""
        return [figure for section in self.sections for figure in figures_in(section.blocks)]
