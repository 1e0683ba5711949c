"""Photos as DUSt3R and VGGT see them, with the way back to the original pixels.

Equal to upstream's `dust3r.utils.image.load_images` and `vggt.utils.load_fn.load_and_preprocess_images`, but
for any target and patch size. One difference is deliberate: VGGT's loader ignores the EXIF orientation,
here every photo is turned upright first, so that cameras and intrinsics agree between models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hw4.core.errors import UserError
from hw4.data.photos import open_upright

# At this size upstream's DUSt3R crops squares, for its first checkpoint.
SQUARE_SIZE = 224


@dataclass
class ModelView:
    """One photo, resized and cropped for a network.

    Attributes:
        pixels: (3, H, W) float32 in [0, 1].
        original_size: width and height of the upright photo.
        original_from_model: (3, 3) affine from pixels of `pixels` to the upright photo's; continuous
            coordinates, (0, 0) is the top-left corner of the image.
    """

    pixels: torch.Tensor
    original_size: tuple[int, int]
    original_from_model: np.ndarray

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return (self.pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255)


def _crop_map(resized: tuple[int, int], original: tuple[int, int], left: float, top: float) -> np.ndarray:
    """Affine from pixels of a crop at (left, top) of the resized photo to pixels of the original."""
    scale_x, scale_y = original[0] / resized[0], original[1] / resized[1]
    return np.array([[scale_x, 0, scale_x * left], [0, scale_y, scale_y * top], [0, 0, 1.0]])


def load_dust3r_view(path: Path, size: int, patch_size: int = 16, square_ok: bool = False) -> ModelView:
    """A photo whose long edge becomes `size`, cropped about its centre to multiples of the patch size.

    Square photos are cropped to 4:3 unless `square_ok`. `size` 224 means squares of 224 from the middle.
    Source: `dust3r.utils.image.load_images`.

    Raises:
        UserError: the photo cannot be read, or nothing of it is left at this size.
    """
    photo = open_upright(path).convert("RGB")
    original = photo.size
    longest = max(original)
    long_edge = round(size * longest / min(original)) if size == SQUARE_SIZE else size
    resized_size = tuple(round(edge * long_edge / longest) for edge in original)
    center_x, center_y = resized_size[0] // 2, resized_size[1] // 2
    half_w: float
    half_h: float
    if size == SQUARE_SIZE:
        half_w = half_h = min(center_x, center_y)
    else:
        half_w = (2 * center_x) // patch_size * patch_size / 2
        half_h = (2 * center_y) // patch_size * patch_size / 2
        if not square_ok and resized_size[0] == resized_size[1]:
            half_h = 3 * half_w / 4
    left, top = round(center_x - half_w), round(center_y - half_h)
    right, bottom = round(center_x + half_w), round(center_y + half_h)
    if right <= left or bottom <= top:
        raise UserError(
            f"image {path} ({original[0]}x{original[1]}) is too narrow: nothing is left of it at long edge "
            f"{long_edge} and patch size {patch_size}; set a larger model.image_size."
        )
    shrinks = longest > long_edge
    resample = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    resized = photo.resize((resized_size[0], resized_size[1]), resample)
    view = resized.crop((left, top, right, bottom))
    return ModelView(_to_tensor(view), original, _crop_map(resized.size, original, left, top))


def load_vggt_views(
    paths: Sequence[Path], size: int = 518, mode: str = "crop", patch_size: int = 14
) -> list[ModelView]:
    """Photos of one common shape.

    ``crop``: the width becomes `size`, a taller photo loses its top and bottom. ``pad``: the long edge
    becomes `size`, white fills up the square. Photos of different shapes are then padded with white to the
    largest. Transparent photos are laid over white. Source: `vggt.utils.load_fn.load_and_preprocess_images`.

    Raises:
        UserError: a photo cannot be read, or nothing of it is left at this size.
    """
    views = [_load_vggt_view(Path(path), size, mode, patch_size) for path in paths]
    height = max(view.pixels.shape[1] for view in views)
    width = max(view.pixels.shape[2] for view in views)
    return [_pad_white(view, width, height) for view in views]


def _load_vggt_view(path: Path, size: int, mode: str, patch_size: int) -> ModelView:
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
    pixels = _to_tensor(photo.resize(new_size, Image.Resampling.BICUBIC))
    top = 0
    if mode == "crop" and new_size[1] > size:
        top = (new_size[1] - size) // 2
        pixels = pixels[:, top : top + size]
    view = ModelView(pixels, photo.size, _crop_map(new_size, photo.size, 0, top))
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
