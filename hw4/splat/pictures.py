"""Renders as pictures."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

# Every picture of ours says so, so that no other is ever overwritten.
MARK = ("Software", "hw4")


def png_bytes(pixels: np.ndarray) -> bytes:
    """PNG of (H, W, 3) uint8 pixels."""
    info = PngInfo()
    info.add_text(*MARK)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def is_ours(path: Path) -> bool:
    """Whether a file is a picture of `png_bytes`."""
    try:
        with Image.open(path) as image:
            return MARK in image.info.items()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def strip(truth: np.ndarray, render: np.ndarray) -> np.ndarray:
    """(H, 3W, 3) uint8: truth, render, and their absolute difference."""
    error = np.abs(truth.astype(np.int16) - render.astype(np.int16)).astype(np.uint8)
    return np.concatenate([truth, render, error], axis=1)
