"""Renders as pictures."""

import io

import numpy as np
from PIL import Image


def png_bytes(pixels: np.ndarray) -> bytes:
    """PNG of (H, W, 3) uint8 pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def strip(truth: np.ndarray, render: np.ndarray) -> np.ndarray:
    """(H, 3W, 3) uint8: truth, render, and their absolute difference."""
    error = np.abs(truth.astype(np.int16) - render.astype(np.int16)).astype(np.uint8)
    return np.concatenate([truth, render, error], axis=1)
