"""Point clouds in PLY files."""

import itertools
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyParseError

from hw4.core.errors import UserError, brief
from hw4.core.regular import regular

# In the order of preference.
COLOR_NAMES = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
# Begins a comment in the header of a PLY: what is to be added to its x, y, z, which 32 bits could not hold.
OFFSET = ("comment", "hw4", "offset")
# Properties and comments of a header are fewer.
HEADER_LINES = 1000


def read_vertices(path: Path) -> np.ndarray:
    """The vertices of a PLY, (P,) with a field for each of its properties.

    Raises:
        ValueError: the file is no PLY with vertices of numbers, or is not as long as its header says.
    """
    try:
        # A copy: the library's own array is the file itself, which may be written anew while it is used.
        # What does not fit its type becomes infinite or another number, which is judged where it matters.
        with np.errstate(all="ignore"):
            vertices = np.array(PlyData.read(str(regular(path)))["vertex"].data)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]}") from error
    except (PlyParseError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(brief(error)) from error
    except MemoryError as error:
        raise ValueError("its header announces more than fits into memory") from error
    lists = [name for name in vertices.dtype.names or () if vertices.dtype[name].hasobject]
    if lists:
        raise ValueError(f"its vertices have lists ({', '.join(lists[:3])})")
    return vertices


def ply_offset(path: Path) -> np.ndarray:
    """(3,) float64 that is to be added to x, y, z of a PLY of ours; zeros where its header says nothing.

    Raises:
        UserError: the offset is not three finite numbers.
    """
    with regular(path).open("rb") as file:
        for line in itertools.islice(iter(file.readline, b""), HEADER_LINES):
            words = line.decode("ascii", "replace").split()
            if tuple(words[:3]) == OFFSET:
                return _three_numbers(words[3:], path)
            if words == ["end_header"]:
                break
    return np.zeros(3)


def _three_numbers(words: list[str], path: Path) -> np.ndarray:
    try:
        offset = np.array([float(word) for word in words])
    except ValueError:
        offset = np.zeros(0)
    if offset.shape != (3,) or not np.isfinite(offset).all():
        raise UserError(
            f"{path} has the comment '{' '.join([*OFFSET[1:], *words])}': it needs three numbers."
        )
    return offset


def read_ply_points(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(P, 3) float64 points and (P, 3) uint8 colours of a point cloud.

    Raises:
        UserError: the file is no PLY with x, y, z.
    """
    try:
        vertices = read_vertices(path)
        # Some bits of a NaN are said to be invalid; it stays one.
        with np.errstate(invalid="ignore"):
            points = np.stack([np.asarray(vertices[axis], dtype=np.float64) for axis in "xyz"], axis=1)
    except ValueError as error:
        raise UserError(
            f"cannot read the point cloud {path} ({error}); it needs vertices x, y, z."
        ) from error
    return points, _ply_colors(vertices)


def _ply_colors(vertices: np.ndarray) -> np.ndarray | None:
    """(P, 3) uint8 colours of a PLY's vertices, whatever their names and type; None where there are none."""
    names = vertices.dtype.names or ()
    found = next((n for n in COLOR_NAMES if set(n) <= set(names)), None)
    if found is None:
        return None
    colors = np.stack([np.asarray(vertices[name]) for name in found], axis=1)
    if colors.dtype.kind == "f":
        # Both ranges are written; a cloud whose brightest channel is 1 of 255 would be black.
        unit = np.nanmax(colors, initial=0) <= 1
        colors = np.nan_to_num(colors) * (255 if unit else 1)
    elif colors.dtype.itemsize == 2:
        colors = colors / 257
    return np.clip(colors, 0, 255).round().astype(np.uint8)
