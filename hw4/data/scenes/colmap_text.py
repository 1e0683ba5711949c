"""The text files of a COLMAP model as people have them, brought to what pycolmap reads.

pycolmap cuts an image's name at its first blank, takes every second line of ``images.txt`` for 2D points
whatever it holds, and knows no byte-order mark.
"""

import codecs
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hw4.core.errors import UserError

# Id, quaternion, translation, camera.
N_NUMBERS = 9


@dataclass(frozen=True)
class ImageRow:
    """One image of ``images.txt``: its nine numbers as written, its name, and its line of 2D points."""

    numbers: tuple[str, ...]
    name: str
    observations: str


def read_text(path: Path) -> str:
    """The text of a model's file without a byte-order mark; names keep bytes that are not UTF-8.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path.") from error
    return os.fsdecode(content).removeprefix("\ufeff")


def has_mark(path: Path) -> bool:
    """Whether a file begins with a byte-order mark."""
    with path.open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _image_fields(line: str) -> tuple[tuple[str, ...], str] | None:
    """The numbers and the name of an image's line; None where it is something else."""
    fields = line.split(None, N_NUMBERS)
    if len(fields) <= N_NUMBERS or not all(map(_is_number, fields[:N_NUMBERS])):
        return None
    whole = re.compile(r"\d+").fullmatch
    if not whole(fields[0]) or not whole(fields[N_NUMBERS - 1]):
        return None
    return tuple(fields[:N_NUMBERS]), fields[N_NUMBERS].rstrip()


def _is_observations(line: str) -> bool:
    """Whether a line holds triples of x, y and a point's number (or -1); an empty one does."""
    fields = line.split()
    return len(fields) % 3 == 0 and all(re.fullmatch(r"-1|\d+", field) for field in fields[2::3])


def read_image_rows(path: Path) -> tuple[list[ImageRow], str | None]:
    """The images of an ``images.txt``, with or without lines of 2D points.

    Returns:
        the rows in the file's order, and a note where the file has no lines of 2D points.

    Raises:
        UserError: a line that is neither, or an image number or name that is there twice.
    """
    text = read_text(path)
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if not line.startswith("#")]
    while lines and not lines[-1][1].strip():
        lines.pop()
    # A line of 2D points may be empty, so that an image's line there tells that there are none at all.
    paired = all(_is_observations(line) for _, line in lines[1::2])
    rows = []
    for place in range(0, len(lines), 2 if paired else 1):
        number, line = lines[place]
        found = _image_fields(line)
        if found is None and not paired and not line.strip():
            continue
        if found is None:
            raise UserError(
                f"cannot read the COLMAP model in {path.parent}: {path.name}, line {number}, is no image "
                f"({line.strip()[:60]!r}); an image has the line 'id qw qx qy qz tx ty tz camera name', and "
                "after it one of its 2D points, which may be empty."
            )
        after = lines[place + 1][1].strip() if paired and place + 1 < len(lines) else ""
        rows.append(ImageRow(*found, after))
    for what, counts in (
        ("number", Counter(r.numbers[0] for r in rows)),
        ("name", Counter(r.name for r in rows)),
    ):
        twice = [value for value, count in counts.items() if count > 1]
        if twice:
            raise UserError(f"{path} lists two images with the {what} {twice[0]}; keep one of them.")
    note = None if paired or len(rows) < 2 else f"{path.name} has no lines of 2D points: read without them"
    return rows, note


def plain_images(rows: list[ImageRow]) -> tuple[bytes, dict[int, str]]:
    """An ``images.txt`` that pycolmap reads whole: its names are the image numbers; the names by number."""
    lines = [f"{' '.join(row.numbers)} {int(row.numbers[0])}\n{row.observations}\n" for row in rows]
    return "".join(lines).encode("utf-8", "surrogateescape"), {int(row.numbers[0]): row.name for row in rows}


def plain_points(path: Path) -> bytes:
    """A ``points3D.txt`` without tracks: they name 2D points that its ``images.txt`` does not have."""
    rows = (line.split()[:8] for line in read_text(path).split("\n") if not line.startswith("#"))
    return "".join(f"{' '.join(row)}\n" for row in rows if row).encode("utf-8", "surrogateescape")
