"""Reading photos: upright, RGB, and with one sentence where a file is no photo."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from hw4.core.errors import UserError


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


def resize_map(model_size: tuple[int, int], original_size: tuple[int, int]) -> np.ndarray:
    """(3, 3) affine from pixels of a resized image to pixels of its original; sizes are (width, height)."""
    (w, h), (original_w, original_h) = model_size, original_size
    return np.diag([original_w / w, original_h / h, 1.0])


def spread(n: int, at_most: int) -> list[int]:
    """At most that many of n indices, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(int)).tolist()
