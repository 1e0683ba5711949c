"""Names of photos: which files are photos, their order, and the names of their renders."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from hw4.core.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def by_number(name: str) -> list[tuple[int, int | str]]:
    """Sort key under which IMG_9 comes before IMG_10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def find_images(folder: Path) -> list[Path]:
    """The photos that lie in a folder, in the order of their numbers."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    return sorted(found, key=lambda path: (by_number(path.name), path.name))


def without_suffix(name: str) -> str:
    """An image's name without its suffix, folders kept; a dot that begins no image suffix stays.

    ``a/1.png`` gives ``a/1``, and the time stamp ``1305031453.003`` itself.
    """
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_SUFFIXES else name


def refuse_outside(names: Sequence[str], where: Path | str) -> None:
    """Raise UserError where a name leads out of the folder of the photos."""
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{where} names an image {name!r}, which leads out of the photos' folder.")


def render_names(names: Sequence[str], where: Path | str) -> list[str]:
    """Names of the renders of images, ``{image name}.png`` each.

    Raises:
        UserError: two images would have the same render.
    """
    renders: dict[str, str] = {}
    for name in names:
        render = f"{without_suffix(name)}.png"
        if render in renders:
            raise UserError(
                f"{where} has images {renders[render]} and {name}, whose renders would both be {render}: "
                "rename one."
            )
        renders[render] = name
    return list(renders)
