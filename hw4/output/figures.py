"""What figures of every room are made of: a file, a grid of panels, images side by side."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hw4.core.durable import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The values of `report.style`, and the files that each writes of a figure.
SCREEN, PAPER = "screen", "paper"
KINDS = {SCREEN: ("png",), PAPER: ("png", "pdf", "svg")}
# Type 42 fonts instead of 3, which some publishers refuse; text of SVG stays text; the same numbers make the
# same file.
PRINT: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "hw4"}
STAMPS: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def figure_bytes(figure: "Figure", kind: str, dpi: int = 120) -> bytes:
    """A figure as a file of `kind`: ``png``, ``pdf`` or ``svg``."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(PRINT):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=STAMPS.get(kind))
    return buffer.getvalue()


def save_figure(figure: "Figure", path: Path, style: str = SCREEN) -> Path:
    """Write a figure as PNG, for print as PDF and SVG beside it too, atomically; returns the PNG's path."""
    for kind in KINDS[style]:
        write_bytes(path.with_suffix(f".{kind}"), figure_bytes(figure, kind))
    return path


def panel_grid(
    count: int, columns: int, width: float, aspect: float, above: float
) -> "tuple[Figure, list[Any]]":
    """Panels for images in rows, without ticks or frames.

    Args:
        count: how many; the last row may be shorter.
        columns: panels a row.
        width: of a panel, inches.
        aspect: height over width of the images.
        above: room for the title over each row, inches.

    Returns:
        the figure and its `count` matplotlib axes.
    """
    from matplotlib.figure import Figure

    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, rows * (width * aspect + above)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    return figure, list(grid[:count])


def side_by_side(images: Sequence[np.ndarray], gap: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: images with their tops aligned and `gap` pixels between, on white."""
    height = max(len(image) for image in images)
    columns = []
    for image in images:
        below = np.full((height - len(image), image.shape[1], 3), 255, np.uint8)
        columns += [np.concatenate([image, below]), np.full((height, gap, 3), 255, np.uint8)]
    return np.concatenate(columns[:-1], axis=1)
