"""The fused SSIM against torch's autograd, finite differences, and itself on another number of threads."""

from functools import partial

import pytest
import torch
from torch import Tensor

from hw4.splat.training import losses
from hw4.splat.training.losses import ssim, ssim_torch
from tests.support.instantsplat_loop import padded_ssim

SIZES = [(11, 11), (12, 40), (26, 27), (37, 53), (11, 64), (64, 11)]


def images(height: int, width: int, dtype: torch.dtype, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    target = torch.rand(height, width, 3, dtype=dtype, generator=generator)
    disturbance = torch.randn(height, width, 3, dtype=dtype, generator=generator)
    return (target + noise * disturbance).clamp(0, 1).requires_grad_(), target


def fused(image: Tensor) -> bool:
    return type(image.grad_fn).__name__ == "FusedTermsBackward"


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 5e-6)])
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_autograds(
    size: tuple[int, int], dtype: torch.dtype, tolerance: float
) -> None:
    image, target = images(*size, dtype)
    ours, theirs = ssim(image, target), ssim_torch(image, target)
    assert fused(ours) and not fused(theirs)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    (gradient,) = torch.autograd.grad(-3 * ours, image)
    (expected,) = torch.autograd.grad(-3 * theirs, image)
    scale = float(expected.abs().max())
    torch.testing.assert_close(gradient / scale, expected / scale, rtol=0, atol=tolerance)


def test_gradient_is_the_finite_difference() -> None:
    image, target = images(13, 12, torch.float64)
    assert torch.autograd.gradcheck(partial(ssim, target=target), (image,), eps=1e-6, atol=1e-8)


def test_a_part_of_a_larger_render_and_other_layouts() -> None:
    """The trainer hands over the colours of an image that also has a depth."""
    image, target = images(20, 24, torch.float64)
    wide = torch.cat([image.detach(), torch.ones(20, 24, 1, dtype=torch.float64)], dim=2).requires_grad_()
    part = ssim(wide[..., :3], target)
    assert fused(part) and torch.equal(part, ssim(image, target))
    part.backward()
    assert wide.grad is not None and not wide.grad[..., 3].any()
    ssim(image, target).backward()
    assert image.grad is not None
    torch.testing.assert_close(wide.grad[..., :3], image.grad)


def test_threads_change_nothing() -> None:
    image, target = images(80, 30, torch.float32)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            value = ssim(image, target)
            results.append((value.detach(), *torch.autograd.grad(value, image)))
    finally:
        torch.set_num_threads(before)
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0]) and torch.equal(gradient, results[0][1])


def test_identical_images_are_a_maximum() -> None:
    _, target = images(16, 16, torch.float64)
    image = target.clone().requires_grad_()
    value = ssim(image, target)
    value.backward()
    assert value.item() == pytest.approx(1, abs=1e-12)
    assert image.grad is not None and float(image.grad.abs().max()) < 1e-12


def test_nan_is_seen() -> None:
    image, target = images(16, 16, torch.float32)
    with torch.no_grad():
        image[3, 4, 1] = float("nan")
    value = ssim(image, target)
    assert fused(value) and torch.isnan(value)


def test_torch_serves_what_the_kernel_does_not() -> None:
    small, target = images(9, 40, torch.float32)
    assert not fused(ssim(small, target))
    image, target = images(16, 16, torch.float32)
    value = ssim(image, target.requires_grad_())
    assert not fused(value)
    value.backward()
    assert target.grad is not None and target.grad.abs().max() > 0


def test_zero_padding_is_a_window_for_every_pixel_black_beyond_the_edges() -> None:
    generator = torch.Generator().manual_seed(0)
    image, target = torch.rand(2, 9, 14, 3, generator=generator, dtype=torch.float64)
    image.requires_grad_()
    scores = ssim(image, target, "zero"), padded_ssim(image, target)
    torch.testing.assert_close(*scores)
    torch.testing.assert_close(*(torch.autograd.grad(score, image)[0] for score in scores))


def test_the_package_gets_planes_and_is_asked_for_whole_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernels run on CUDA alone; what it would be given is what ours has."""
    image, target = images(37, 53, torch.float64)

    def kernel(x: Tensor, y: Tensor, padding: str) -> Tensor:
        assert x.shape == (1, 3, 37, 53) and x.is_contiguous() and padding == "valid"
        return ssim_torch(x[0].permute(1, 2, 0), y[0].permute(1, 2, 0))

    monkeypatch.setattr(losses, "_package", lambda: kernel)
    assert torch.equal(losses.ssim_of_package(image, target), ssim_torch(image, target))
    assert fused(ssim(image, target)), "on the CPU ours is taken"


@pytest.mark.parametrize("size", SIZES)
def test_the_absolute_difference_beside_it_is_torchs(size: tuple[int, int]) -> None:
    image, target = images(*size, torch.float64)
    distance, similarity = losses.photo_terms(image, target)
    expected = 2 * (image - target).abs().mean() - 3 * ssim_torch(image, target)
    torch.testing.assert_close(2 * distance - 3 * similarity, expected)
    (gradient,) = torch.autograd.grad(2 * distance - 3 * similarity, image)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, image)[0], rtol=1e-9, atol=1e-12)
