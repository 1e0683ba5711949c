"""A folder of photos without cameras."""

from pathlib import Path

from hw4.core.errors import UserError
from hw4.data.photo_files import READ, nested_note, photo_files
from hw4.data.photos import find_images, photo_folder
from hw4.data.scenes.files import Layout, Part, SceneFiles, Split

NAME = "photos"
NERFSTUDIO = "transforms.json"


def _photos(folder: Path) -> list[Path]:
    return find_images(folder) if folder.is_dir() else []


def _locate(root: Path, split: Split) -> SceneFiles:
    folder = split.photos(root)
    paths = _photos(folder)
    notes = [*photo_files(folder).notes, *nested_note(folder, "data.images=...")]
    if not paths:
        raise UserError("; ".join([f"{folder} holds no photos ({', '.join(READ)})", *notes]) + ".")
    sides = split.sides(len(paths))
    train, test = (Part([paths[i].name for i in ids], [paths[i] for i in ids]) for ids in sides)
    if (root / NERFSTUDIO).is_file():
        notes.append(
            f"the cameras of {root / NERFSTUDIO} are not read, and the model estimates them: data=nerfstudio "
            "reads them"
        )
    return SceneFiles(root, NAME, train, test, notes=tuple(notes))


LAYOUT = Layout(NAME, "photos (or images/)", lambda root: bool(_photos(photo_folder(root))), _locate)
