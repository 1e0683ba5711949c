"""The parts of a report, before it is HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hw4.output.tables import Table

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
    """

    name: str
    title: str
    svg: str
    data: Table
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """An image with what stands below it; `content` holds PNG or JPEG bytes."""

    name: str
    label: str
    content: bytes

    @property
    def suffix(self) -> str:
        """File name suffix of the image's format."""
        return ".png" if self.content.startswith(b"\x89PNG") else ".jpg"

    @property
    def mime(self) -> str:
        """Media type of the image's format."""
        return "image/png" if self.suffix == ".png" else "image/jpeg"


@dataclass(frozen=True)
class Gallery:
    """Images side by side, with the numbers that belong to them."""

    name: str
    title: str
    pictures: Sequence[Picture]
    data: Table
    caption: str = ""


@dataclass(frozen=True)
class Folded:
    """Tables that are there on request: long lists."""

    title: str
    tables: Sequence[Table]


@dataclass(frozen=True)
class Numbers:
    """Numbers that only the CSV holds; `text` says which."""

    name: str
    text: str
    data: Table


Block = Text | Table | Chart | Gallery | Folded | Numbers


@dataclass
class Section:
    """A heading and what follows it."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Document:
    """A whole report."""

    title: str
    subtitle: str
    sections: list[Section]

    def figures(self) -> list[Chart | Gallery | Numbers]:
        """Everything that has a CSV, in order."""
        kinds = Chart | Gallery | Numbers
        return [b for section in self.sections for b in section.blocks if isinstance(b, kinds)]
