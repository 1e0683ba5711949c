"""True depth maps, in the encodings that data sets have."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.core.errors import UserError, brief
from hw4.core.regular import regular

# How the numbers of a depth map are stored.
INTEGERS, HALVES, ARRAY, RAW = "integers", "halves", "array", "raw"


@dataclass(frozen=True)
class DepthFile:
    """Where a view's depth map lies, and how it is stored.

    Attributes:
        path: the file.
        scale: metres (or units of the poses) per stored number.
        encoding: ``integers``: a 16-bit picture; ``halves``: a 16-bit picture whose bits are half-precision
            floats (CO3D); ``array``: a ``.npy``; ``raw``: 32-bit floats and nothing else, `size` of them.
        invalid: the largest stored numbers that mean nothing: those from here on.
        size: width and height of a ``raw`` file.
    """

    path: Path
    scale: float = 1e-3
    encoding: str = INTEGERS
    invalid: float | None = None
    size: tuple[int, int] | None = None


def read_depth(file: DepthFile) -> np.ndarray:
    """(H, W) float32 z in the camera, in units of the poses; NaN where nothing was measured.

    Raises:
        UserError: the file cannot be read, or is not of its encoding.
    """
    try:
        stored = _stored(file)
    # Damaged bytes raise whatever they happen to ask for.
    except Exception as error:
        raise UserError(f"cannot read the depth map {file.path} ({brief(error)}).") from error
    if stored.ndim != 2:
        raise UserError(
            f"the depth map {file.path} has {stored.ndim} dimensions; it must have height and width."
        )
    known = np.isfinite(stored) & (stored > 0)
    if file.invalid is not None:
        known &= stored < file.invalid
    return np.where(known, stored * file.scale, np.nan).astype(np.float32)


def _stored(file: DepthFile) -> np.ndarray:
    path = regular(file.path)
    if file.encoding == ARRAY:
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    if file.encoding == RAW:
        width, height = file.size or (0, 0)
        content = np.frombuffer(path.read_bytes(), "<f4")
        if len(content) != width * height:
            raise ValueError(f"it holds {len(content)} numbers, not {width}x{height}")
        return content.reshape(height, width).astype(np.float64)
    with Image.open(path) as image:
        numbers = np.asarray(image)
    if numbers.dtype.kind not in "iu":
        raise ValueError("it is no picture of integers")
    if file.encoding == HALVES:
        return numbers.astype(np.uint16).view(np.float16).astype(np.float64)
    return numbers.astype(np.float64)
