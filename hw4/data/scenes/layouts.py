"""The table of scene layouts, and which of them a folder has."""

import os
from functools import cache
from pathlib import Path

from hw4.config import SceneConfig
from hw4.config.fields import one_of
from hw4.core.errors import ConfigError, UserError
from hw4.core.plugins import with_plugins
from hw4.data.photo_files import nested_note, photo_files
from hw4.data.photos import photo_folder, render_names
from hw4.data.scenes import bare_photos, plain_colmap, sparse_views
from hw4.data.scenes.files import Layout, SceneFiles, Split

GROUP = "hw4.layouts"
AUTO = "auto"
WHOLE = Split()
OWN = (sparse_views.LAYOUT, plain_colmap.LAYOUT, bare_photos.LAYOUT)


@cache
def layouts() -> dict[str, Layout]:
    """Every layout by name: this package's, then those of other packages.

    Raises:
        UserError: another package's entry is no layout, or its name is taken.
    """
    return with_plugins(GROUP, {row.name: row for row in OWN}, Layout, "layout", reserved=(AUTO,))


def check_layout(name: str) -> None:
    """Raise ConfigError unless `name` is a choice of `data.layout`."""
    one_of("data.layout", name, (AUTO, *layouts()))


def layout_of(root: Path, name: str = AUTO) -> Layout:
    """The layout of that name; ``auto``: the one that the folder has.

    Raises:
        UserError: there is no such layout, no such folder, or it has none or several of them.
    """
    check_layout(name)
    if not root.is_dir():
        raise UserError(f"data.root={root} is not a folder.")
    if name != AUTO:
        return layouts()[name]
    found = [row for row in layouts().values() if row.is_mine(root)]
    beaten = {name for row in found for name in row.before}
    found = [row for row in found if row.name not in beaten]
    if not found:
        *most, last = (f"no {row.sign}" for row in layouts().values())
        folder = photo_folder(root)
        seen = [*photo_files(folder).notes, *nested_note(folder, "data.images=...")]
        raise UserError("; ".join([f"{root} holds no scene: {', '.join(most)} and {last}", *seen]) + ".")
    if len(found) > 1:
        signs = " and ".join(f"{row.sign} ({row.name})" for row in found)
        names = " or ".join(row.name for row in found)
        raise UserError(f"{root} shows {signs}: say which it is with data.layout={names}.")
    return found[0]


def locate(root: Path, layout: str = AUTO, split: Split = WHOLE) -> SceneFiles:
    """The files of a scene: its folder, the name of its layout, and how it is split.

    Raises:
        UserError: the folder holds no such scene, or its two parts overlap.
    """
    root = root.expanduser()
    files = _row(root, layout, split).locate(root, split)
    # Before training, so that no score is lost to it afterwards.
    render_names(files.test.names, root)
    return files


def locate_config(config: SceneConfig) -> SceneFiles:
    """`locate` of a configuration."""
    return locate(Path(config.root), config.layout, _split(config))


def _split(config: SceneConfig) -> Split:
    return Split(config.test_every, config.train_views, config.train_pick, config.images, config.colmap)


def _row(root: Path, layout: str, split: Split) -> Layout:
    """`layout_of`; where a model is named, the folder itself may show anything."""
    if layout == AUTO and root.is_dir():
        if split.colmap is not None:
            return plain_colmap.LAYOUT
        if split.images is not None and not any(row.is_mine(root) for row in layouts().values()):
            return bare_photos.LAYOUT
    return layout_of(root, layout)


def photos_of(config: SceneConfig) -> Path:
    """The folder of a scene's photos.

    Raises:
        UserError: the folder holds no such scene.
    """
    root, split = Path(config.root).expanduser(), _split(config)
    row = _row(root, config.layout, split)
    return row.photos(root) if split.images is None else split.photos(root)


def check_config(config: SceneConfig) -> None:
    """Raise ConfigError where the layout is no choice, or not that of a model that is named."""
    check_layout(config.layout)
    if config.colmap is not None and config.layout not in (AUTO, plain_colmap.NAME):
        raise ConfigError(
            f"data.colmap={config.colmap} names a COLMAP model and data.layout={config.layout} is another "
            "layout: leave one of them out."
        )


def files_of(config: SceneConfig) -> list[Path]:
    """The scene's folder, then the files that a run reads; of a scene that cannot be read, those on top."""
    root = Path(config.root).expanduser()
    try:
        scene = locate_config(config)
        found = [*scene.train.files, *scene.test.files]
    except UserError:
        # Whoever reads the scene says what is wrong with it.
        found = [path for path in root.glob("*") if path.is_file()]
    # Relative to the folder, as content is told by: a copied scene is the same.
    return [root, *(Path(os.path.relpath(path, root)) for path in found)]
