"""What a model predicts at a grid of pixels of N views: depths and world points, kept beside the cloud."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.core.npz import read_npz
from hw4.geometry.cameras import moved, unprojected
from hw4.models.base import Reconstruction

# Pixels kept of each view; all views of ten photos are some 2 MB then.
GRID_PIXELS = 16_384


@dataclass(frozen=True)
class Dense:
    """T pixels of all views, on a regular grid of what the model saw.

    Attributes:
        view: (T,) int, the pixel's view.
        uv: (T, 2) float32 its place in the photo, from (0, 0) at the top-left corner to (1, 1).
        depth: (T,) float32 z in the camera, the model's own scale; NaN where there is none.
        pts3d: (T, 3) float32 in the reconstruction's world; NaN where there is none.
        sizes: (N, 2) int, width and height of the photos.
    """

    view: np.ndarray
    uv: np.ndarray
    depth: np.ndarray
    pts3d: np.ndarray
    sizes: np.ndarray


def dense_of(reconstruction: Reconstruction) -> Dense:
    """Depths and points of a reconstruction; without any pixel where the model gives neither.

    What a model does not give follows from the other one and its camera.
    """
    found = [_of_view(reconstruction, view) for view in range(reconstruction.n_views)]
    if reconstruction.depth is None and reconstruction.pts3d is None:
        found = []
    views = np.concatenate([np.full(len(uv), i) for i, (uv, _, _) in enumerate(found)] or [np.zeros(0)])
    uv, depth, pts3d = (
        np.concatenate([part[i] for part in found]) if found else np.zeros((0, *shape))
        for i, shape in enumerate(((2,), (), (3,)))
    )
    return Dense(
        views.astype(np.int16),
        uv.astype(np.float32),
        depth.astype(np.float32),
        pts3d.astype(np.float32),
        np.asarray(reconstruction.image_sizes, int),
    )


def _of_view(reconstruction: Reconstruction, view: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    width, height = reconstruction.image_size(view)
    step = max(1, int(np.ceil(np.sqrt(width * height / GRID_PIXELS))))
    rows, columns = (a.ravel() for a in np.mgrid[step // 2 : height : step, step // 2 : width : step])
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)
    original = pixels @ reconstruction.original_from_model[view].T
    uv = original[:, :2] / original[:, 2:] / reconstruction.image_sizes[view]
    camera, K = reconstruction.cam_from_world[view], reconstruction.Ks[view]
    depth, pts3d = np.full(len(rows), np.nan), np.full((len(rows), 3), np.nan)
    if reconstruction.pts3d is not None:
        pts3d = reconstruction.pts3d[view][rows, columns].astype(float)
        depth = moved(pts3d, camera)[:, 2]
    if reconstruction.depth is not None:
        depth = reconstruction.depth[view][rows, columns].astype(float)
        if reconstruction.pts3d is None:
            pts3d = unprojected(pixels[:, :2], depth, K, camera)
    # A model may see a border around the photo.
    inside = ((uv >= 0) & (uv < 1)).all(axis=1)
    return uv[inside], depth[inside], pts3d[inside]


def dense_npz(reconstruction: Reconstruction) -> bytes:
    """`dense_of` as an ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **vars(dense_of(reconstruction)))
    return buffer.getvalue()


def dense_path(cloud: Path) -> Path:
    """Where it lies: beside the sample's cloud."""
    return cloud.with_suffix(".dense.npz")


def read_dense(cloud: Path) -> Dense | None:
    """What is kept beside a cloud; None where there is none, it is damaged, or another version wrote it."""
    try:
        return Dense(**read_npz(dense_path(cloud)))
    except (OSError, ValueError, TypeError):
        return None
