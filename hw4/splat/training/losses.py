"""Image losses of 3DGS."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from hw4.splat.training.ssim_kernel import C1, C2, WINDOW, FusedTerms

SIGMA = 1.5


@cache
def _window(dtype: torch.dtype, device: torch.device) -> Tensor:
    x = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(x**2) / (2 * SIGMA**2))
    return (weights / weights.sum()).to(dtype=dtype, device=device)


def photo_terms(image: Tensor, target: Tensor, padding: str = "none") -> tuple[Tensor, Tensor]:
    """Mean absolute difference and `ssim` of two images; on the CPU in one kernel."""
    if padding == "none" and image.device.type == "cpu" and _fusible(image, target):
        return _fused_terms(image, target)
    return (image - target).abs().mean(), ssim(image, target, padding)


def _fused_terms(image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    terms: tuple[Tensor, Tensor] = FusedTerms.apply(image, target, _window(image.dtype, image.device))
    return terms


def _fusible(image: Tensor, target: Tensor) -> bool:
    fits = image.shape[2] == 3 and min(image.shape[:2]) >= WINDOW
    return fits and image.dtype == target.dtype and not target.requires_grad


def ssim(image: Tensor, target: Tensor, padding: str = "none") -> Tensor:
    """Structural similarity of (H, W, 3) images in [0, 1] (Wang et al. 2004), 11x11 Gaussian window.

    The mean is over windows that lie inside the image (gsplat's trainer: ``padding="valid"``), or with
    `padding` ``zero`` over those of every pixel, where the images go on in black (3DGS's trainer); the
    reported metric mirrors the edges. Images under 11 pixels use the largest odd window that fits. Where the
    target needs no gradient, forward and backward are one fused kernel each on the CPU, and on CUDA with the
    package `fused-ssim` (which `make gpu-check` compares with ours).
    """
    if padding == "zero":
        image, target = (F.pad(one, (0, 0, *[WINDOW // 2] * 4)) for one in (image, target))
    if _fusible(image, target):
        if image.device.type == "cpu":
            return _fused_terms(image, target)[1]
        if image.device.type == "cuda" and _package() is not None:
            return ssim_of_package(image, target)
    return ssim_torch(image, target)


@cache
def _package() -> Callable[..., Tensor] | None:
    try:
        from fused_ssim import fused_ssim
    except ImportError:
        return None
    kernel: Callable[..., Tensor] = fused_ssim
    return kernel


def ssim_of_package(image: Tensor, target: Tensor) -> Tensor:
    """`ssim` of the package `fused-ssim` on CUDA, which has the same window and constants."""
    kernel = _package()
    assert kernel is not None
    x, y = (one.permute(2, 0, 1)[None].contiguous() for one in (image, target))
    return kernel(x, y, padding="valid")


def ssim_torch(image: Tensor, target: Tensor) -> Tensor:
    """`ssim` in torch alone, on any device, for any number of channels."""
    size = min(WINDOW, *image.shape[:2])
    size -= 1 - size % 2
    window = _window(image.dtype, image.device)
    if size < WINDOW:
        margin = (WINDOW - size) // 2
        window = window[margin : WINDOW - margin] / window[margin : WINDOW - margin].sum()
    x, y = image.permute(2, 0, 1), target.permute(2, 0, 1)
    maps = torch.stack([x, y, x * x, y * y, x * y]).reshape(1, 5 * len(x), *x.shape[1:])
    channels = maps.shape[1]
    rows = F.conv2d(maps, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    blurred = F.conv2d(rows, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    mean_x, mean_y, xx, yy, xy = blurred.view(5, len(x), *blurred.shape[2:])
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    covariance, variances = xy - mean_x * mean_y, xx - mean_x**2 + yy - mean_y**2
    return (luminance * (2 * covariance + C2) / (variances + C2)).mean()


def psnr(image: Tensor, target: Tensor, share: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio in dB of images in [0, 1] that differ in a share of their pixels at most."""
    return -10 * torch.log10(((image - target).square().mean() / share).clamp(min=1e-12))


@dataclass
class Losses:
    """What an iteration measured, on the device; reading it waits for the device.

    `image` and `target` differ in a `share` of their pixels alone.
    """

    loss: Tensor
    l1: Tensor
    ssim: Tensor
    image: Tensor
    target: Tensor
    share: float = 1.0

    def read(self) -> dict[str, float]:
        """``loss``, ``l1``, ``ssim`` and ``psnr_train`` as numbers, in one transfer."""
        names = ("loss", "l1", "ssim", "psnr_train")
        values = torch.stack([self.loss, self.l1, self.ssim, psnr(self.image, self.target, self.share)])
        return dict(zip(names, values.tolist(), strict=True))


def depth_loss(depth: Tensor, alpha: Tensor, prior: Tensor) -> Tensor:
    """Mean relative error of rendered expected depth against a prior, both (H, W); prior 0 or NaN: no prior.

    Weighted by the (constant) rendered alpha, so that empty pixels are not pulled anywhere.
    """
    valid = torch.isfinite(prior) & (prior > 0)
    weight = alpha.detach() * valid
    error = (depth - torch.where(valid, prior, depth)).abs() / torch.where(
        valid, prior, torch.ones_like(prior)
    )
    return (error * weight).sum() / weight.sum().clamp(min=1e-6)
