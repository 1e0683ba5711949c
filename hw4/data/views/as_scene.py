"""A scene of posed views to splat: the views that its data set holds out are for testing."""

from pathlib import Path

import numpy as np

from hw4.config import TestViewsConfig
from hw4.core.errors import UserError
from hw4.data.orientation import read_size
from hw4.data.photos import render_names
from hw4.data.registry import scene_views
from hw4.data.scenes.files import Part, PosedViews, SceneFiles, picked, split_indices
from hw4.data.views.scene import SceneViews


def scene(config: TestViewsConfig) -> SceneFiles:
    """The only scene of a data set, or that which `data.scenes` names; it brings no points.

    Raises:
        UserError: there are several scenes; intrinsics are not known or photos have lens distortion, so that
            nothing can be rendered; or too few views are left for training.
    """
    found = scene_views(config)
    if len(found) > 1:
        some = ", ".join(one.scene for one in found[:4]) + (", ..." if len(found) > 4 else "")
        raise UserError(
            f"one scene is splatted, and {config.root} holds {some}: set data.scenes=[{found[0].scene}]."
        )
    (views,) = found
    posed = _posed(views, config.root)
    train, test = _sides(views, config)
    root = Path(config.root).expanduser()
    names = [path.relative_to(root).as_posix() for path in views.paths]

    def part(ids: list[int]) -> Part:
        paths = [views.paths[i] for i in ids]
        return Part([names[i] for i in ids], paths, posed, tuple(ids), views.listing)

    # Before training, so that no score is lost to it afterwards.
    render_names([names[i] for i in test], root)
    return SceneFiles(root, config.name, part(train), part(test))


def _posed(views: SceneViews, where: str) -> PosedViews:
    if views.Ks is None or not np.isfinite(views.Ks).all():
        raise UserError(f"intrinsics of scene {views.scene} in {where} are not known: it cannot be splatted.")
    if views.distorted:
        raise UserError(
            f"photos of scene {views.scene} in {where} have lens distortion, which splatting does not undo: "
            "undistort them first (nerfstudio's data can be made from undistorted photos)."
        )
    sizes = np.full((len(views), 2), np.nan) if views.sizes is None else np.array(views.sizes, float)
    for i in np.flatnonzero(~np.isfinite(sizes).all(axis=1)):
        sizes[i] = read_size(views.paths[i]) or np.nan
    return PosedViews(list(views.names), views.cam_from_world, views.Ks, sizes, notes=list(views.notes))


def _sides(views: SceneViews, config: TestViewsConfig) -> tuple[list[int], list[int]]:
    if views.splits is None:
        return split_indices(len(views), config.test_every, config.train_views, config.train_pick)
    train = [i for i, split in enumerate(views.splits) if split == "train"]
    test = [i for i, split in enumerate(views.splits) if split == "test"]
    if len(train) < max(2, config.train_views or 0):
        raise UserError(
            f"scene {views.scene} in {config.root} has {len(train)} views for training: fewer than "
            f"{'two' if config.train_views is None else f'data.train_views={config.train_views}'}."
        )
    return picked(train, config.train_views, config.train_pick), test
