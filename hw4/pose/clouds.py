"""The point cloud and cameras of one prediction, small enough to keep for every sample."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.models.base import Reconstruction

CLOUD_POINTS = 12_000


@dataclass(frozen=True)
class CameraCloud:
    """What a cloud file holds.

    Attributes:
        points: (P, 3) float32 world points, surest first where there is a confidence.
        colors: (P, 3) uint8.
        conf: (P,) float32, the model's own scale, or None.
        cam_from_world: (N, 3, 4) of all views; NaN for a view that was not placed.
        Ks: (N, 3, 3) in pixels of images of `sizes`; NaN where unknown.
        sizes: (N, 2) int, width and height of the images as the model saw them.
    """

    points: np.ndarray
    colors: np.ndarray
    conf: np.ndarray | None
    cam_from_world: np.ndarray
    Ks: np.ndarray
    sizes: np.ndarray


def cloud_npz(reconstruction: Reconstruction) -> bytes:
    """An ``.npz`` of at most CLOUD_POINTS finite points, evenly over their confidence, and all cameras."""
    points, colors, conf = reconstruction.points, reconstruction.point_colors, None
    if reconstruction.pts3d is not None:
        points = np.concatenate([p.reshape(-1, 3) for p in reconstruction.pts3d])
        colors = np.concatenate([i.reshape(-1, 3) for i in reconstruction.images])
        if reconstruction.conf is not None:
            conf = np.concatenate([c.ravel() for c in reconstruction.conf])
    if points is None:
        points = np.zeros((0, 3))
    if colors is None:
        colors = np.full((len(points), 3), 128, np.uint8)
    order = np.flatnonzero(np.isfinite(points).all(axis=1))
    if conf is not None:
        order = order[np.isfinite(conf[order])]
        order = order[np.argsort(-conf[order], kind="stable")]
    keep = order[np.linspace(0, len(order) - 1, min(CLOUD_POINTS, len(order))).astype(int)]
    arrays = {
        "points": points[keep].astype(np.float32),
        "colors": colors[keep].astype(np.uint8),
        "cam_from_world": reconstruction.cam_from_world,
        "Ks": reconstruction.Ks,
        "sizes": np.array([image.shape[1::-1] for image in reconstruction.images]).reshape(-1, 2),
    }
    if conf is not None:
        arrays["conf"] = conf[keep].astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_cloud(path: Path) -> CameraCloud | None:
    """A file of `cloud_npz`; None where there is none, it is damaged, or an older version wrote it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        return CameraCloud(**{"conf": None, **arrays})
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
