"""Loss and scores of a part of a photo: outside of a mask, nothing counts."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hw4.splat.training.ssim_kernel import WINDOW

# How images go on beyond their edges, in the words of `splat.ssim_padding` and `splat.eval.ssim_padding`.
PADDING_MODES = {"zero": "constant", "mirror": "reflect"}


@dataclass(frozen=True, eq=False)
class Mask:
    """The pixels of a photo that count.

    Attributes:
        keep: (H, W) bool, at least one of them true.
        share: of the pixels that count.
    """

    keep: Tensor
    share: float

    @classmethod
    def of(cls, keep: np.ndarray | None, device: torch.device) -> "Mask | None":
        """From (H, W) bool; None where every pixel counts."""
        return None if keep is None else cls(torch.from_numpy(keep).to(device), float(keep.mean()))

    def laid(self, image: Tensor, photo: Tensor) -> Tensor:
        """The (H, W, 3) image with the photo's pixels where these do not count; no gradient from there."""
        return torch.where(self.keep[..., None], image, photo)

    def window_share(self, padding: str) -> float:
        """Share of SSIM's windows in which a pixel counts, for `padding` ``none``, ``zero`` or ``mirror``.

        In all others, both images are alike, and SSIM is 1.
        """
        size = min(WINDOW, *self.keep.shape)
        size -= 1 - size % 2
        keep = self.keep[None, None].float()
        if padding in PADDING_MODES:
            keep, size = F.pad(keep, [WINDOW // 2] * 4, mode=PADDING_MODES[padding]), WINDOW
        return float(F.max_pool2d(keep, size, stride=1).mean())


def of_mask(mean: Tensor, share: float, elsewhere: float = 0.0) -> Tensor:
    """The mean over a share of the places, of one over all where it is `elsewhere` in the others."""
    return elsewhere + (mean - elsewhere) / share
