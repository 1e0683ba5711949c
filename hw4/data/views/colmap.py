"""Models of COLMAP and GLOMAP (`data=colmap`)."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from hw4.config import ColmapConfig
from hw4.data.photos import photo_folder
from hw4.data.scenes.colmap_files import model_files
from hw4.data.scenes.colmap_models import find_model
from hw4.data.scenes.files import image_path
from hw4.data.views.folders import scene_folders
from hw4.data.views.scene import SceneViews


def scenes(config: ColmapConfig) -> list[SceneViews]:
    """Every scene with a model; views in the order of their names.

    Raises:
        UserError: there is none, or a model or its cameras cannot be read.
    """
    found = scene_folders(config, lambda path: find_model(path) is not None, "a COLMAP model (sparse/0)")
    return [_scene(name, path, config) for name, path in found.items()]


def _scene(name: str, root: Path, config: ColmapConfig) -> SceneViews:
    model = find_model(root)
    assert model is not None
    photos = root / config.images if config.images else photo_folder(root)
    return read_model(name, model.folder, photos, model.notes)


def read_model(name: str, model: Path, photos: Path, notes: Sequence[str] = ()) -> SceneViews:
    """The scene of a COLMAP model; photos have the model's names below `photos`.

    Raises:
        UserError: the model or its cameras cannot be read.
    """
    # pycolmap takes a moment to import.
    from hw4.data.scenes.colmap import read_colmap

    views = read_colmap(model, distorted=True)
    order = np.argsort(views.observed_by, kind="stable")
    bounds = np.searchsorted(views.observed_by[order], np.arange(len(views.names) + 1))
    points = views.observed_points[order]
    seen = tuple(points[begin:end] for begin, end in pairwise(bounds))
    return SceneViews(
        name,
        tuple(views.names),
        tuple(image_path(photos, view) for view in views.names),
        views.cam_from_world,
        views.Ks,
        np.asarray(views.sizes, float),
        listing=model_files(model),
        notes=(*views.notes, *notes),
        seen=seen if len(points) else None,
    )
