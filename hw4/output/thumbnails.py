"""Small pictures of a sample's photos, side by side, for a table."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.core.errors import UserError
from hw4.data.photos import load_image, resized

HEIGHT = 96
LONG_EDGE = 2 * HEIGHT
# Pictures of photos that the jobs of a sweep show again: some 20 MB.
MAX_KEPT = 256


def thumbnail(paths: Sequence[Path]) -> np.ndarray | None:
    """The photos side by side, (`HEIGHT`, W, 3) uint8, read-only; None where one cannot be read."""
    try:
        states = [(path, path.stat()) for path in paths]
        return _thumbnail(tuple((path, state.st_mtime_ns, state.st_size) for path, state in states))
    except (UserError, OSError):
        return None


@lru_cache(MAX_KEPT)
def _thumbnail(states: tuple[tuple[Path, int, int], ...]) -> np.ndarray:
    photos = [Image.fromarray(load_image(path, LONG_EDGE)) for path, _, _ in states]
    sizes = [(max(1, round(photo.width * HEIGHT / photo.height)), HEIGHT) for photo in photos]
    shown = np.concatenate(
        [np.array(resized(p, size)) for p, size in zip(photos, sizes, strict=True)], axis=1
    )
    shown.setflags(write=False)
    return shown
