"""Figures that an earlier run has drawn, from the cache: drawing takes longer than scoring."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hw4.metrics
from hw4.core.cache import using
from hw4.core.durable import jsonable, write_bytes
from hw4.core.errors import UserError
from hw4.core.fingerprint import digest
from hw4.output.figures import KINDS, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = "figures"


def kept_figure(
    draw: "Callable[[], Figure | None]", shown: Any, path: Path, style: str, root: Path | None
) -> Path | None:
    """Write a figure as `hw4.output.figures.save_figure` does, drawing it only where the cache has it not.

    Args:
        draw: makes the figure; None where there is nothing to draw.
        shown: everything that the figure shows, of JSON's types or arrays; equal things are the same figure.
        path: of the PNG; its name says which figure it is.
        style: `report.style`.
        root: of the cache; None: draw, and keep nothing.

    Returns:
        the PNG's path, or None where there is nothing to draw.

    Raises:
        UserError: a file cannot be written.
    """
    if root is None:
        figure = draw()
        return None if figure is None else save_figure(figure, path, style)
    folder = root / FIGURES / digest([_drawing_code(), path.stem, style, jsonable(shown)])
    kept = [folder / f"figure.{kind}" for kind in KINDS[style]]
    with using(folder):
        if all(file.is_file() for file in kept):
            for file in kept:
                write_bytes(path.with_suffix(file.suffix), file.read_bytes())
            return path
        figure = draw()
        if figure is None:
            return None
        save_figure(figure, path, style)
        # A cache may be one that is only read.
        with suppress(UserError):
            for file in kept:
                write_bytes(file, path.with_suffix(file.suffix).read_bytes())
    return path


@cache
def _drawing_code() -> str:
    """What the look of a figure depends on besides what it shows: the code that draws, and matplotlib."""
    sources = hashlib.sha256()
    for file in (*sorted(Path(__file__).parent.glob("*.py")), Path(hw4.metrics.__file__)):
        sources.update(file.read_bytes())
    return f"{sources.hexdigest()} {version('matplotlib')}"
