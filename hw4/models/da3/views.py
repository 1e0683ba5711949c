"""Photos as Depth Anything 3 sees them; equal to upstream's `InputProcessor`, for any long edge.

One difference is deliberate: upstream ignores the EXIF orientation, here every photo is turned upright first,
so that cameras and intrinsics agree between models.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from hw4.core.errors import UserError
from hw4.data.photos import open_upright, photo_path
from hw4.models.network.views import ModelView, crop_map


def load_views(paths: Sequence[Path], size: int = 504, patch_size: int = 14) -> list[ModelView]:
    """Photos of one common shape.

    The long edge becomes `size`, then each edge the nearest multiple of the patch size. Photos of different
    shapes are cropped about their centres to the smallest height and width. Source:
    `depth_anything_3.utils.io.input_processor`, method ``upper_bound_resize``.

    Raises:
        UserError: a photo cannot be read, or nothing of it is left at this size.
    """
    views = [_load_view(photo_path(path), size, patch_size) for path in paths]
    height = min(view.pixels.shape[1] for view in views)
    width = min(view.pixels.shape[2] for view in views)
    return [_cropped(view, width, height) for view in views]


def _load_view(path: Path, size: int, patch_size: int) -> ModelView:
    photo = open_upright(path).convert("RGB")
    scale = size / max(photo.size)
    pixels = _resized(np.asarray(photo), *(max(1, round(edge * scale)) for edge in photo.size))
    height, width = (_nearest_multiple(edge, patch_size) for edge in pixels.shape[:2])
    if min(height, width) == 0:
        raise UserError(
            f"image {path} ({photo.width}x{photo.height}) is too narrow: nothing is left of it at long edge "
            f"{size} and patch size {patch_size}; set a larger model.image_size."
        )
    pixels = _resized(pixels, width, height)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div(255)
    return ModelView(tensor, photo.size, crop_map((width, height), photo.size, 0, 0))


def _resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    if pixels.shape[:2] == (height, width):
        return pixels
    grows = width > pixels.shape[1] or height > pixels.shape[0]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA)


def _nearest_multiple(edge: int, patch_size: int) -> int:
    """Half-way upwards."""
    return (2 * edge + patch_size) // (2 * patch_size) * patch_size


def _cropped(view: ModelView, width: int, height: int) -> ModelView:
    top, left = (view.pixels.shape[1] - height) // 2, (view.pixels.shape[2] - width) // 2
    if (view.pixels.shape[1], view.pixels.shape[2]) == (height, width):
        return view
    shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    pixels = view.pixels[:, top : top + height, left : left + width]
    return replace(view, pixels=pixels, original_from_model=view.original_from_model @ shift)
