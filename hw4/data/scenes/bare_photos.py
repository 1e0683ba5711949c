"""A folder of photos without cameras."""

from pathlib import Path

from hw4.core.errors import UserError
from hw4.data.photos import IMAGE_SUFFIXES, find_images, photo_folder
from hw4.data.scenes.files import Layout, Part, SceneFiles, Split

NAME = "photos"


def _photos(root: Path) -> list[Path]:
    folder = photo_folder(root)
    return find_images(folder) if folder.is_dir() else []


def _locate(root: Path, split: Split) -> SceneFiles:
    paths = _photos(root)
    if not paths:
        raise UserError(f"{photo_folder(root)} holds no photos ({', '.join(IMAGE_SUFFIXES)}).")
    sides = split.sides(len(paths))
    train, test = (Part([paths[i].name for i in ids], [paths[i] for i in ids]) for ids in sides)
    return SceneFiles(root, NAME, train, test)


LAYOUT = Layout(NAME, "photos (or images/)", lambda root: bool(_photos(root)), _locate)
