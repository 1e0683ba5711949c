"""Scores of a test view without a network, as rows of `hw4.metrics` name them."""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from hw4.config import EvalConfig
from hw4.core.metric import MetricUnavailable
from hw4.splat.scoring.view import RenderedView
from hw4.splat.training import losses
from hw4.splat.training.masking import of_mask

# torchmetrics mirrors 5 pixels at each edge, half of its window.
MIN_WINDOW = 6


def psnr(view: RenderedView) -> float:
    """Peak signal-to-noise ratio in dB."""
    return float(losses.psnr(view.render, view.target, view.share))


def initial_psnr(view: RenderedView) -> float | None:
    """`psnr` of the Gaussians before training; None where they were not rendered."""
    return None if view.initial is None else float(losses.psnr(view.initial, view.target, view.share))


class Ssim:
    """Structural similarity of a view; higher is better.

    torchmetrics', which mirrors the edges; with `splat.eval.ssim_padding=zero`, 3DGS's, where both images go
    on in black.
    """

    def __init__(self, config: EvalConfig, device: torch.device) -> None:
        self._score = mirrored_ssim if config.ssim_padding == "mirror" else padded_ssim

    def __call__(self, view: RenderedView) -> float:
        """See the class."""
        return self._score(view)


def padded_ssim(view: RenderedView) -> float:
    """SSIM whose windows reach over the edges, into black."""
    return _of_windows(losses.ssim(view.render, view.target, "zero"), view, "zero")


def mirrored_ssim(view: RenderedView) -> float:
    """torchmetrics' SSIM.

    Raises:
        MetricUnavailable: the view is smaller than the window.
    """
    if min(view.render.shape[:2]) < MIN_WINDOW:
        raise MetricUnavailable(f"its window needs {MIN_WINDOW} pixels, and {view.name} is {view.size}")
    x, y = (image.permute(2, 0, 1)[None] for image in (view.render, view.target))
    score = structural_similarity_index_measure(x, y, data_range=1.0)
    return _of_windows(score, view, "mirror")  # type: ignore[arg-type]


def _of_windows(score: Tensor, view: RenderedView, padding: str) -> float:
    """The mean over the windows in which a pixel counts."""
    if view.mask is not None:
        score = of_mask(score, view.mask.window_share(padding), elsewhere=1.0)
    return float(score)
