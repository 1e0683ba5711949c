"""Photos: which files are photos, their names and order, and reading them upright, at most so large."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

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


def photo_folder(root: Path) -> Path:
    """Where the photos of a data set's folder lie: in ``images/`` where there is one, else in itself."""
    return root / "images" if (root / "images").is_dir() else root


def spread(n: int, at_most: int) -> list[int]:
    """At most that many of n indices, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(int)).tolist()


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


def open_upright(path: Path) -> Image.Image:
    """The decoded photo, turned as its EXIF orientation says, in the file's own mode.

    Raises:
        UserError: the file is missing, truncated or not an image.
    """
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except FileNotFoundError as error:
        raise UserError(f"image {path} does not exist.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"image {path} is refused: {error}.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f"cannot read image {path} ({error}); the file is damaged or not an image."
        ) from error


def limited_size(size: tuple[int, int] | np.ndarray, long_edge: int | None) -> tuple[int, int]:
    """Width and height of an image of `size` whose long edge is reduced to `long_edge`; null: as it is."""
    width, height = int(size[0]), int(size[1])
    longest = max(width, height)
    if long_edge is None or longest <= long_edge:
        return width, height
    return max(1, round(width * long_edge / longest)), max(1, round(height * long_edge / longest))


def limited(image: Image.Image, long_edge: int | None) -> Image.Image:
    """The image, reduced to `limited_size`."""
    return resized(image, limited_size(image.size, long_edge))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image at a width and height, itself where these are its own."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def load_image(path: Path, long_edge: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, downscaled so that the long edge has at most `long_edge` pixels.

    Raises:
        UserError: the file is missing or damaged.
    """
    return np.array(limited(open_upright(path).convert("RGB"), long_edge))


def resize_map(model_size: tuple[int, int], original_size: tuple[int, int]) -> np.ndarray:
    """(3, 3) affine from pixels of a resized image to pixels of its original; sizes are (width, height)."""
    (w, h), (original_w, original_h) = model_size, original_size
    return np.diag([original_w / w, original_h / h, 1.0])
