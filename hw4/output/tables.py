"""Tables as data, and as terminal text, Markdown and CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from hw4.core.scale import MISSING


@dataclass(frozen=True)
class Table:
    """A titled table of strings; `notes` stand below it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default_factory=tuple)

    def rich(self, whole_first: bool = False) -> Group:
        """For the terminal: title, table and notes, each as wide as it likes.

        Args:
            whole_first: never break the first column (paths to copy), whatever becomes of the others.
        """
        table = RichTable()
        for number, column in enumerate(self.columns):
            whole, side = whole_first and number == 0, "left" if number == 0 else "right"
            table.add_column(Text(column), justify=side, overflow="fold", no_wrap=whole)  # type: ignore[arg-type]
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return Group(Text(self.title, style="bold"), table, *(Text(f"  {note}") for note in self.notes))

    def transposed(self) -> "Table":
        """The same table with its rows as columns; the first column's cells become the header."""
        columns = [self.columns[0], *(row[0] for row in self.rows)]
        rows = [[name, *(row[i] for row in self.rows)] for i, name in enumerate(self.columns) if i > 0]
        return Table(self.title, columns, rows, self.notes)

    def markdown(self) -> str:
        """GitHub-flavoured Markdown, ending with a newline."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

        separator = "|---" + "|---:" * (len(self.columns) - 1) + "|"
        body = [f"**{self.title}**", "", line(self.columns), separator, *map(line, self.rows)]
        body += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(body) + "\n"

    def csv(self) -> str:
        """RFC 4180 CSV with a header line."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return buffer.getvalue()


def number(value: float | None, digits: int = 2) -> str:
    """A number for people; a missing one is a dash."""
    return MISSING if value is None else f"{value:.{digits}f}"
