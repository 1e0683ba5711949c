"""Points of a COLMAP model from its training photos alone: held-out ones must not have placed them."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hw4.data.scenes.files import PosedViews
from hw4.geometry.unit_world import unit_world

if TYPE_CHECKING:
    from hw4.core.colmap import pycolmap

# COLMAP's own limits for a point that it keeps.
MAX_ERROR_PX = 4.0
MIN_ANGLE_DEG = 1.5


def has_training_points(model: PosedViews, train_ids: Sequence[int]) -> bool:
    """Whether any point is seen by two of these images."""
    seen = model.observed_points[np.isin(model.observed_by, list(train_ids))]
    return bool((np.bincount(seen) >= 2).any())


def training_points(
    model: PosedViews, train_ids: Sequence[int], images: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, str]:
    """Triangulate a model's points again from their observations in training images.

    Args:
        model: with the observations of its points.
        train_ids: places of the training images in it.
        images: these images, (H, W, 3) uint8, of any size.

    Returns:
        (P, 3) float64 points that at least two training images see under COLMAP's limits (4 px, 1.5°), their
        (P, 3) uint8 mean colours in these images, and a note on what was done.
    """
    from hw4.core.colmap import pycolmap

    side = {int(view): k for k, view in enumerate(train_ids)}
    cameras = [
        pycolmap.Camera(
            model="PINHOLE",
            width=int(size[0]),
            height=int(size[1]),
            params=[K[0, 0], K[1, 1], K[0, 2], K[1, 2]],
        )
        for K, size in zip(model.Ks[list(train_ids)], model.sizes[list(train_ids)], strict=True)
    ]
    # Far from the origin, as in a world of UTM coordinates, triangulation would lose digits.
    near = unit_world(model.cam_from_world[list(train_ids)])
    cameras_near = near.cam_from_world(model.cam_from_world[list(train_ids)])
    cams_from_world = [pycolmap.Rigid3d(camera[:3]) for camera in cameras_near]
    options = pycolmap.EstimateTriangulationOptions()
    options.residual_type = pycolmap.TriangulationResidualType.REPROJECTION_ERROR
    options.min_tri_angle = np.deg2rad(MIN_ANGLE_DEG)
    options.ransac.max_error = MAX_ERROR_PX
    options.ransac.random_seed = 0

    seen = np.isin(model.observed_by, list(train_ids))
    points_of, views = model.observed_points[seen], model.observed_by[seen]
    pixels = model.observed_xy[seen]
    order = np.argsort(points_of, kind="stable")
    bounds = np.flatnonzero(np.diff(points_of[order], prepend=-1, append=-1))
    points, colors = [], []
    for begin, end in itertools.pairwise(bounds):
        rows = order[begin:end]
        at = [side[int(view)] for view in views[rows]]
        if len(at) < 2:
            continue
        found = pycolmap.estimate_triangulation(
            pixels[rows], [cams_from_world[k] for k in at], [cameras[k] for k in at], options
        )
        if found is None or not np.isfinite(found["xyz"]).all():
            continue
        inliers = np.flatnonzero(found["inliers"])
        points.append(found["xyz"])
        shown = [_color(images[at[i]], pixels[rows[i]], cameras[at[i]]) for i in inliers]
        colors.append(np.mean(shown, axis=0).round())
    total = 0 if model.points is None else len(model.points)
    if not len(points_of):
        note = (
            f"the model does not say which training photos saw its {total} points: they are not used, "
            "because held-out photos may have placed them"
        )
        return np.zeros((0, 3)), np.zeros((0, 3), np.uint8), note
    note = (
        f"points: {len(points)} of the model's {total}, triangulated again and coloured from training "
        "photos; the cameras are the model's, adjusted over all its photos"
    )
    return (
        near.inverse.points(np.array(points).reshape(-1, 3)),
        np.array(colors, np.uint8).reshape(-1, 3),
        note,
    )


def _color(image: np.ndarray, xy: np.ndarray, camera: "pycolmap.Camera") -> np.ndarray:
    height, width = image.shape[:2]
    column = int(np.clip(xy[0] * width / camera.width, 0, width - 1))
    row = int(np.clip(xy[1] * height / camera.height, 0, height - 1))
    return image[row, column].astype(np.float64)
