"""Photos as a network sees them, with the way back to the original pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image


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


def to_tensor(image: Image.Image) -> torch.Tensor:
    """(3, H, W) float32 in [0, 1] of an RGB image."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255)


def crop_map(resized: tuple[int, int], original: tuple[int, int], left: float, top: float) -> np.ndarray:
    """Affine from pixels of a crop at (left, top) of the resized photo to pixels of the original."""
    scale_x, scale_y = original[0] / resized[0], original[1] / resized[1]
    return np.array([[scale_x, 0, scale_x * left], [0, scale_y, scale_y * top], [0, 0, 1.0]])
