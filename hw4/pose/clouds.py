"""Points, cameras and matches of one prediction, small enough to keep for every sample."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.core.npz import read_npz
from hw4.models.base import Reconstruction
from hw4.models.clouds import cloud_of
from hw4.models.matches import matches_of

CLOUD_POINTS = 12_000
KEPT_MATCHES = 200


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
        matches: (M, 4) float32, x and y of the same points in the first and in the last photo, in pixels of
            the photos, or None.
        verified: (M,) bool, those that agree with the model's own geometry.
        n_matches: (2,) int, how many matches there were and how many of them verified; a share is kept.
    """

    points: np.ndarray
    colors: np.ndarray
    conf: np.ndarray | None
    cam_from_world: np.ndarray
    Ks: np.ndarray
    sizes: np.ndarray
    matches: np.ndarray | None = None
    verified: np.ndarray | None = None
    n_matches: np.ndarray | None = None


def cloud_npz(reconstruction: Reconstruction) -> bytes:
    """An ``.npz`` of at most CLOUD_POINTS finite points, evenly over their confidence, and all cameras.

    Of the matches between the first and the last view it holds KEPT_MATCHES at most, evenly over their order.
    """
    cloud = cloud_of(reconstruction, placed_only=False).surest_first().at_most(CLOUD_POINTS)
    arrays = {
        "points": cloud.points.astype(np.float32),
        "colors": cloud.colors.astype(np.uint8),
        "cam_from_world": reconstruction.cam_from_world,
        "Ks": reconstruction.Ks,
        "sizes": np.array([image.shape[1::-1] for image in reconstruction.images]).reshape(-1, 2),
    }
    if cloud.conf is not None:
        arrays["conf"] = cloud.conf.astype(np.float32)
    matches = matches_of(reconstruction)
    if matches is not None:
        n = len(matches.xy)
        kept = np.unique(np.linspace(0, n - 1, min(n, KEPT_MATCHES)).astype(int))
        arrays["matches"] = matches.xy[kept].astype(np.float32)
        arrays["verified"] = matches.verified[kept]
        arrays["n_matches"] = np.array([n, matches.verified.sum()])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_cloud(path: Path) -> CameraCloud | None:
    """A file of `cloud_npz`; None where there is none, it is damaged, or an older version wrote it."""
    try:
        return CameraCloud(**{"conf": None, **read_npz(path)})
    except (ValueError, TypeError):
        return None
