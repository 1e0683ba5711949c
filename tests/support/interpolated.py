"""Photo pairs with texture, and an interpolator that takes its time."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from hw4.data.pairs.samples import PhotoPair
from hw4.interpolate.crossfade import Crossfade


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 with structure at several scales."""
    layers = [s * gaussian_filter(rng.normal(size=(height, width, 3)), (s, s, 0)) for s in (2, 5, 12)]
    image = sum(layers)
    low, high = image.min(), image.max()
    return (255 * (image - low) / (high - low)).astype(np.uint8)


def pairs_in(root: Path, photos: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[PhotoPair]:
    root.mkdir(parents=True, exist_ok=True)
    pairs = []
    for idx, both in enumerate(photos):
        paths = (root / f"{idx}_a.png", root / f"{idx}_b.png")
        for path, photo in zip(paths, both, strict=True):
            Image.fromarray(photo).save(path)
        pairs.append(PhotoPair(idx, paths))
    return pairs


def noise_pairs(root: Path, n: int) -> list[PhotoPair]:
    rng = np.random.default_rng(0)
    return pairs_in(root, [(texture(rng, 24, 32), texture(rng, 24, 32)) for _ in range(n)])


class Slow(Crossfade):
    """Takes its time over each pair and writes down which."""

    def __init__(self, calls: Path, seconds: float = 0.0) -> None:
        self.calls, self.seconds = calls, seconds

    def frames(self, first: np.ndarray, last: np.ndarray, count: int) -> Sequence[np.ndarray]:
        with self.calls.open("a") as file:
            file.write(f"{int(first.sum())}\n")
        time.sleep(self.seconds)
        return super().frames(first, last, count)
