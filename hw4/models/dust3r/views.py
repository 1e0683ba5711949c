"""Photos as DUSt3R sees them; equal to upstream's `dust3r.utils.image.load_images`, for any patch size."""

from pathlib import Path

from PIL import Image

from hw4.core.errors import UserError
from hw4.data.photos import open_upright
from hw4.models.network.views import ModelView, crop_map, to_tensor

# At this size upstream crops squares, for its first checkpoint.
SQUARE_SIZE = 224


def load_view(path: Path, size: int, patch_size: int = 16, square_ok: bool = False) -> ModelView:
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
    return ModelView(to_tensor(view), original, crop_map(resized.size, original, left, top))
