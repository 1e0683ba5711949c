"""Photos as VGGT sees them; equal to upstream's `load_and_preprocess_images`, but for any sizes.

One difference is deliberate: upstream ignores the EXIF orientation, here every photo is turned upright first,
so that cameras and intrinsics agree between models.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hw4.core.errors import UserError
from hw4.data.photos import open_upright, photo_path
from hw4.models.network.views import ModelView, crop_map, to_tensor


def load_views(
    paths: Sequence[Path], size: int = 518, mode: str = "crop", patch_size: int = 14
) -> list[ModelView]:
    """Photos of one common shape.

    ``crop``: the width becomes `size`, a taller photo loses its top and bottom. ``pad``: the long edge
    becomes `size`, white fills up the square. Photos of different shapes are then padded with white to the
    largest. Transparent photos are laid over white. Source: `vggt.utils.load_fn.load_and_preprocess_images`.

    Raises:
        UserError: a photo cannot be read, or nothing of it is left at this size.
    """
    views = [_load_view(photo_path(path), size, mode, patch_size) for path in paths]
    height = max(view.pixels.shape[1] for view in views)
    width = max(view.pixels.shape[2] for view in views)
    return [_pad_white(view, width, height) for view in views]


def _load_view(path: Path, size: int, mode: str, patch_size: int) -> ModelView:
    photo = open_upright(path)
    if photo.mode == "RGBA":
        white = Image.new("RGBA", photo.size, (255, 255, 255, 255))
        photo = Image.alpha_composite(white, photo)
    photo = photo.convert("RGB")
    width, height = photo.size
    if mode == "pad" and height > width:
        new_size = (round(width * (size / height) / patch_size) * patch_size, size)
    else:
        new_size = (size, round(height * (size / width) / patch_size) * patch_size)
    if min(new_size) <= 0:
        raise UserError(
            f"image {path} ({width}x{height}) is too narrow: nothing is left of it at size {size} and patch "
            f"size {patch_size}; set a larger model.image_size."
        )
    pixels = to_tensor(photo.resize(new_size, Image.Resampling.BICUBIC))
    top = 0
    if mode == "crop" and new_size[1] > size:
        top = (new_size[1] - size) // 2
        pixels = pixels[:, top : top + size]
    view = ModelView(pixels, photo.size, crop_map(new_size, photo.size, 0, top))
    return _pad_white(view, size, size) if mode == "pad" else view


def _pad_white(view: ModelView, width: int, height: int) -> ModelView:
    missing_h, missing_w = height - view.pixels.shape[1], width - view.pixels.shape[2]
    if missing_h == 0 and missing_w == 0:
        return view
    top, left = missing_h // 2, missing_w // 2
    padding = (left, missing_w - left, top, missing_h - top)
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    pixels = torch.nn.functional.pad(view.pixels, padding, value=1.0)
    return ModelView(pixels, view.original_size, view.original_from_model @ shift)
