"""Pinhole cameras for structure from motion, from known or guessed intrinsics."""

from collections.abc import Sequence

import numpy as np

from hw4.core.colmap import pycolmap
from hw4.models.sfm.features import Features

# COLMAP's guess for a photo without known focal length, in units of the long edge.
FOCAL_GUESS = 1.2


def spread_intrinsics(Ks: np.ndarray | None, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """Intrinsics for every view, NaN where unknown.

    Args:
        Ks: (N, 3, 3) in original pixels (a NaN matrix: unknown), None, or (2, 3, 3) of the first and last of
            N > 2 views; then a view between that has the first one's size was taken by the same camera.
        sizes: width and height of the N photos.

    Returns:
        (N, 3, 3) float64.
    """
    n = len(sizes)
    if Ks is None:
        return np.full((n, 3, 3), np.nan)
    if len(Ks) == n:
        return np.array(Ks, np.float64)
    if len(Ks) != 2:
        raise ValueError(f"{n} views need (N, 3, 3) intrinsics, or (2, 3, 3) of the first and last one")
    spread = np.full((n, 3, 3), np.nan)
    for view, size in enumerate(sizes):
        if size == sizes[0]:
            spread[view] = Ks[0]
    spread[-1] = Ks[1]
    return spread


def make_cameras(
    features: Sequence[Features], Ks: np.ndarray | None
) -> tuple[list[pycolmap.Camera], list[int]]:
    """Cameras in pixels of the reduced images; views of equal size and intrinsics share one.

    Returns:
        cameras with ``camera_id`` 1, 2, ...; and each view's index into them. A camera of guessed focal
        length has ``has_prior_focal_length`` False.
    """
    cameras: list[pycolmap.Camera] = []
    index: dict[tuple[object, ...], int] = {}
    of_view = []
    original = spread_intrinsics(Ks, [f.original_size for f in features])
    for feature, K_original in zip(features, original, strict=True):
        height, width = feature.image.shape[:2]
        known = bool(np.isfinite(K_original).all())
        K = np.linalg.solve(feature.original_from_model, K_original)
        key = (width, height, known, *(K.ravel().tolist() if known else ()))
        if key not in index:
            focal = FOCAL_GUESS * max(width, height)
            camera = pycolmap.Camera(
                camera_id=len(cameras) + 1,
                model="PINHOLE" if known else "SIMPLE_PINHOLE",
                width=width,
                height=height,
                params=[K[0, 0], K[1, 1], K[0, 2], K[1, 2]] if known else [focal, width / 2, height / 2],
            )
            camera.has_prior_focal_length = known
            index[key] = len(cameras)
            cameras.append(camera)
        of_view.append(index[key])
    return cameras, of_view
