"""The photos of a pair against its true intrinsics: which way up they are read, and whether K is theirs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hw4.data.orientation import ReadPhotos, read_size, read_with_cameras

# Focal lengths between a fisheye's and a telescope's, in units of the longer edge.
FOCAL_RANGE = (0.05, 1000.0)


def photos_of_cameras(paths: Sequence[Path], Ks: np.ndarray | None, exif: str) -> ReadPhotos:
    """The photos as `data.exif` and their K say; K's principal point is about the middle of its image."""
    with np.errstate(over="ignore"):
        sizes = [None] * len(paths) if Ks is None else [(2 * K[0, 2], 2 * K[1, 2]) for K in Ks]
    return read_with_cameras(paths, sizes, exif)


def check_Ks(paths: Sequence[Path], Ks: np.ndarray | None) -> None:
    """Raise ValueError where a K, (N, 3, 3) in pixels of the photos, is of an image of another size."""
    for path, K in [] if Ks is None else zip(paths, Ks, strict=True):
        size = read_size(path)
        if size is None:
            continue
        (width, height), (fx, fy, cx, cy) = size, (K[0, 0], K[1, 1], K[0, 2], K[1, 2])
        what = f"K of {path.name} ({width:g}x{height:g} pixels)"
        if not (0 < cx < width and 0 < cy < height):
            raise ValueError(
                f"{what} has its principal point at ({cx:g}, {cy:g}), outside of it: "
                "K is of another image size"
            )
        low, high = (limit * max(size) for limit in FOCAL_RANGE)
        if not (low <= fx <= high and low <= fy <= high):
            raise ValueError(f"{what} has focal lengths {fx:g} and {fy:g}, which no lens has")
