"""Photos as every program reads them alike: upright, 8 bits, PNG or JPEG."""

from pathlib import Path

import numpy as np
from PIL import Image

from hw4.data.photos import open_photo, open_upright, orientation_of, photo_path, resized

PLAIN_FORMATS, PLAIN_MODES = ("JPEG", "PNG"), ("L", "RGB")


def upright_file(path: Path | str, photo: Image.Image, copy: Path) -> Path:
    """The photo's own file where any program reads `photo` from it, else a copy that is written.

    Args:
        path: the photo.
        photo: what `open_upright` says it shows, in RGB.
        copy: where the copy would go; a PNG.
    """
    path = photo_path(path)
    with open_photo(path) as image:
        plain = image.format in PLAIN_FORMATS and image.mode in PLAIN_MODES and orientation_of(image) == 1
    if plain:
        return path.resolve()
    photo.save(copy)
    return copy


def rgb(path: Path | str) -> Image.Image:
    """The upright photo.

    Raises:
        UserError: it cannot be read.
    """
    return open_upright(photo_path(path)).convert("RGB")


def as_seen(photo: Image.Image, size: tuple[int, int], original_from_model: np.ndarray) -> np.ndarray:
    """The photo as a model saw it that has resized and cropped it.

    Args:
        photo: RGB.
        size: width and height of the model's image.
        original_from_model: (3, 3) affine from its pixels to the photo's; (0, 0) is the top-left corner.

    Returns:
        (H, W, 3) uint8; what lies outside of the photo is black.
    """
    a = original_from_model
    box = a[0, 2], a[1, 2], a[0, 2] + a[0, 0] * size[0], a[1, 2] + a[1, 1] * size[1]
    # A map that was computed in single precision may lead out by less than a pixel.
    near = np.clip(box, 0, (*photo.size, *photo.size))
    if a[0, 1] == a[1, 0] == 0 and np.abs(near - box).max() < 0.5 and min(a[0, 0], a[1, 1]) > 0:
        if np.allclose(near, (0, 0, *photo.size), atol=1e-3):
            return np.array(resized(photo, size))
        corners: tuple[float, float, float, float] = tuple(near.tolist())
        return np.array(photo.resize(size, Image.Resampling.LANCZOS, box=corners))
    return np.array(
        photo.transform(size, Image.Transform.AFFINE, a[:2].ravel().tolist(), Image.Resampling.BILINEAR)
    )
