"""A folder of photos without cameras."""

from pathlib import Path

from hw4.core.errors import UserError
from hw4.data.photo_files import READ, photo_files
from hw4.data.photos import find_images, photo_folder
from hw4.data.scenes.files import Layout, Part, SceneFiles, Split

NAME = "photos"
NERFSTUDIO = "transforms.json"


def _photos(root: Path) -> list[Path]:
    folder = photo_folder(root)
    return find_images(folder) if folder.is_dir() else []


def _locate(root: Path, split: Split) -> SceneFiles:
    paths = _photos(root)
    if not paths:
        raise UserError(f"{photo_folder(root)} holds no photos ({', '.join(READ)}).")
    sides = split.sides(len(paths))
    train, test = (Part([paths[i].name for i in ids], [paths[i] for i in ids]) for ids in sides)
    notes = photo_files(photo_folder(root)).notes
    if (root / NERFSTUDIO).is_file():
        notes.append(f"the cameras of {root / NERFSTUDIO} are not read: the model estimates them")
    return SceneFiles(root, NAME, train, test, notes=tuple(notes))


LAYOUT = Layout(NAME, "photos (or images/)", lambda root: bool(_photos(root)), _locate)
