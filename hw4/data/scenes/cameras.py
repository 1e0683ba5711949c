"""Cameras to render from, which need no photo."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config import DataConfig
from hw4.core.errors import UserError
from hw4.data.photos import limited_size
from hw4.data.registry import resolution_of, scene_files
from hw4.data.scenes.files import PosedViews
from hw4.geometry.cameras import scaled_K


@dataclass(frozen=True)
class Cameras:
    """Cameras to render.

    Attributes:
        names: M image names, with or without suffix.
        cam_from_world: (M, 4, 4) float64 world-to-camera.
        Ks: (M, 3, 3) float64 in pixels.
        sizes: (M, 2) int width and height.
    """

    names: list[str]
    cam_from_world: np.ndarray
    Ks: np.ndarray
    sizes: np.ndarray


def _of_size(views: PosedViews, ids: list[int], names: list[str], resolution: int | None) -> Cameras:
    sizes = np.array([limited_size(views.sizes[i], resolution) for i in ids])
    return Cameras(names, views.cam_from_world[ids], scaled_K(views.Ks[ids], views.sizes[ids], sizes), sizes)


def read_cameras(folder: Path, resolution: int | None = None) -> Cameras:
    """All cameras of a COLMAP folder (``cameras`` and ``images``, txt or bin).

    Args:
        folder: the COLMAP model.
        resolution: longest edge in pixels; null for the model's own sizes.

    Raises:
        UserError: no such folder, or no usable cameras in it.
    """
    from hw4.data.scenes.colmap import read_colmap

    views = read_colmap(folder.expanduser())
    return _of_size(views, list(range(len(views.names))), views.names, resolution)


def held_out_cameras(data: DataConfig) -> Cameras:
    """The test cameras of a scene, those that its test views have; its images are not needed.

    Raises:
        UserError: the scene has no test cameras.
    """
    files = scene_files(data)
    test = files.test
    if test.views is None or not test.ids:
        raise UserError(
            f"{files.root} has no test cameras to render (data.layout={files.layout}): give a COLMAP folder "
            "with splat.render.cameras=<folder>."
        )
    return _of_size(test.views, list(test.ids), test.names, resolution_of(data))
