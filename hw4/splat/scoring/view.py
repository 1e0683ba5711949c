"""What a metric of the splat stage is given."""

from dataclasses import dataclass

from torch import Tensor

from hw4.splat.training.masking import Mask


@dataclass(frozen=True)
class RenderedView:
    """A test view on the rasterizer's device: (H, W, 3) in [0, 1], renders as an 8-bit PNG holds them.

    Attributes:
        name: of the photo.
        render: what the trained Gaussians look like from there.
        target: the photo.
        initial: the render before training, or None where nobody asked.
        mask: the pixels that count (`data.alpha=mask`), or None for all; elsewhere, renders are as the photo.
    """

    name: str
    render: Tensor
    target: Tensor
    initial: Tensor | None = None
    mask: Mask | None = None

    @property
    def share(self) -> float:
        """Of the pixels that count."""
        return 1.0 if self.mask is None else self.mask.share

    @property
    def size(self) -> str:
        """``width x height`` in pixels, for messages."""
        return f"{self.target.shape[1]}x{self.target.shape[0]}"
