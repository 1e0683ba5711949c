"""Small pictures of a sample's photos, side by side, for a table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.core.errors import UserError
from hw4.data.photos import load_image, resized

HEIGHT = 96
LONG_EDGE = 2 * HEIGHT


def thumbnail(paths: Sequence[Path]) -> np.ndarray | None:
    """The photos side by side, (`HEIGHT`, W, 3) uint8; None where one cannot be read."""
    try:
        photos = [Image.fromarray(load_image(path, LONG_EDGE)) for path in paths]
    except UserError:
        return None
    sizes = [(max(1, round(photo.width * HEIGHT / photo.height)), HEIGHT) for photo in photos]
    return np.concatenate([np.array(resized(p, size)) for p, size in zip(photos, sizes, strict=True)], axis=1)
