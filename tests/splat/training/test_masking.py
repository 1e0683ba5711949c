"""`data.alpha`: transparent pixels laid over the background, left out of loss and scores, or shown."""

from dataclasses import replace
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.image import structural_similarity_index_measure

from hw4.config import EvalConfig, SceneConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.photos import load_masked
from hw4.data.scenes.scene import TrainScene, scene_of
from hw4.splat.scoring import scores
from hw4.splat.scoring.evaluate import evaluate
from hw4.splat.scoring.lpips import lpips_distance
from hw4.splat.scoring.view import RenderedView
from hw4.splat.training.losses import psnr, ssim
from hw4.splat.training.masking import Mask, of_mask
from hw4.splat.training.step import TrainingRun
from tests.support.colmap_scenes import write_scene
from tests.support.splat_scenes import HEIGHT, WIDTH, disturbed, true_scene, written_views

CPU = torch.device("cpu")


def half(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A blob and a single pixel near a corner."""
    keep = np.zeros((height, width), bool)
    keep[height // 3 : height // 2, width // 4 : width // 2] = True
    keep[1, 2] = True
    return keep


def masked_pair(keep: np.ndarray, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Mask]:
    """A render with a photo's pixels outside of the mask, and the photo."""
    rng = torch.Generator().manual_seed(seed)
    photo = torch.rand(*keep.shape, 3, generator=rng)
    render = (photo + 0.2 * torch.randn(*keep.shape, 3, generator=rng)).clamp(0, 1)
    mask = Mask.of(keep, CPU)
    assert mask is not None
    return mask.laid(render, photo), photo, mask


def test_psnr_is_that_of_the_pixels_that_count() -> None:
    keep = half()
    render, photo, mask = masked_pair(keep)
    expected = psnr(render[torch.from_numpy(keep)], photo[torch.from_numpy(keep)])
    assert float(psnr(render, photo, mask.share)) == pytest.approx(float(expected), abs=1e-4)
    view = RenderedView("a", render, photo, render, mask)
    assert scores.psnr(view) == scores.initial_psnr(view) == pytest.approx(float(expected), abs=1e-4)


def touching(keep: np.ndarray, padding: str) -> np.ndarray:
    """(H, W) whether the 11x11 window around a pixel holds one that counts, beyond the edges too."""
    height, width = keep.shape
    padded = np.pad(keep, 5, mode="reflect" if padding == "mirror" else "constant")
    return np.array([[padded[r : r + 11, c : c + 11].any() for c in range(width)] for r in range(height)])


def test_ssim_is_that_of_the_windows_in_which_a_pixel_counts() -> None:
    keep = half()
    render, photo, mask = masked_pair(keep)
    x, y = (image.permute(2, 0, 1)[None] for image in (render, photo))
    _, full = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    by_window = full[0].mean(dim=0).numpy()
    view = RenderedView("a", render, photo, None, mask)
    expected = by_window[touching(keep, "mirror")].mean()
    assert scores.mirrored_ssim(view) == pytest.approx(expected, abs=1e-5)
    # The loss's windows lie inside.
    inside = touching(keep, "zero")[5:-5, 5:-5]
    expected = by_window[5:-5, 5:-5][inside].mean()
    ours = of_mask(ssim(render, photo), mask.window_share("none"), elsewhere=1.0)
    assert float(ours) == pytest.approx(expected, abs=1e-4)
    assert mask.window_share("zero") == pytest.approx(touching(keep, "zero").mean())
    assert scores.padded_ssim(view) < float(ssim(render, photo, "zero"))


def test_a_mask_of_everything_changes_no_score() -> None:
    everything = np.ones((HEIGHT, WIDTH), bool)
    render, photo, mask = masked_pair(everything)
    assert mask.share == 1 and {mask.window_share(p) for p in ("none", "zero", "mirror")} == {1.0}
    for score in (scores.psnr, scores.mirrored_ssim, scores.padded_ssim):
        view = RenderedView("a", render, photo)
        assert score(replace(view, mask=mask)) == pytest.approx(score(view), abs=1e-6)
    assert Mask.of(None, CPU) is None


def test_lpips_is_the_mean_of_its_map_over_the_mask() -> None:
    torch.manual_seed(0)
    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    render, photo, mask = masked_pair(half(64, 64))
    whole = lpips_distance(network, render, photo)
    masked = lpips_distance(network, render, photo, keep=mask.keep)
    # The map without the network's own averaging, upsampled as the package does it.
    reference = lpips.LPIPS(net="alex", pnet_rand=True, spatial=True, verbose=False).eval()
    reference.load_state_dict(network.state_dict())
    with torch.no_grad():
        x, y = (image.permute(2, 0, 1)[None] for image in (render, photo))
        map_of = reference(x, y, normalize=True)[0, 0]
    assert masked == pytest.approx(float(map_of[mask.keep].mean()), rel=1e-5) and masked > whole
    assert lpips_distance(network, render, photo) == whole, "the next view has no mask"


def test_what_does_not_count_moves_no_gaussian() -> None:
    scene, start = true_scene()
    keep = np.zeros((HEIGHT, WIDTH), bool)
    keep[:, : WIDTH // 2] = True
    config = SplatConfig(rasterizer="cpu", ssim_weight=0.0, depth_weight=0.1, optimize_cameras=False)
    colours = []
    for level in (0, 255):
        images = [np.where(keep[..., None], image, np.uint8(level)) for image in scene.images]
        masked = replace(scene, images=images, masks=[keep] * len(images))
        run = TrainingRun(masked, disturbed(start, 0.02), config)
        for _ in range(3):
            losses = run.advance().read()
        colours.append(run.gaussians["sh0"].detach())
        assert losses["loss"] > 0
    torch.testing.assert_close(colours[0], colours[1], rtol=0, atol=0)
    # Without masks, they would.
    plain: TrainScene = replace(masked, masks=None)
    run = TrainingRun(plain, disturbed(start, 0.02), config)
    for _ in range(3):
        run.advance()
    assert not torch.equal(run.gaussians["sh0"].detach(), colours[1])


@pytest.fixture
def cut_out(tmp_path: Path) -> Path:
    """A COLMAP scene of photos whose left part is opaque."""
    root = write_scene(tmp_path / "scene", np.random.default_rng(3).uniform(-0.8, 0.8, (12, 3)))
    for path in (root / "images").iterdir():
        pixels = np.array(Image.open(path).convert("RGBA"))
        pixels[:, 30:, 3] = 0
        pixels[:, 29, 3] = 130
        Image.fromarray(pixels).save(path)
    return root


@pytest.mark.parametrize(
    ("alpha", "said"),
    [
        ("composite", "laid over a grey of 1 (data.alpha)"),
        ("mask", "laid over a grey of 1, and left out of loss and scores (data.alpha)"),
        ("ignore", "their hidden colours are used (data.alpha)"),
    ],
)
def test_what_becomes_of_transparent_pixels_is_said(cut_out: Path, alpha: str, said: str) -> None:
    scene = scene_of(SceneConfig(root=str(cut_out), test_every=3, alpha=alpha), background=1.0)
    assert f"4 of 4 training photos have transparent pixels: {said}" in scene.notes
    image, K, keep = scene.test.load_masked(0)
    assert K is not None and (keep is not None) is (alpha == "mask") is (scene.train.masks is not None)
    assert (image[:, 40] == 255).all() is not (alpha == "ignore")
    if keep is not None:
        assert keep[:, :30].all() and not keep[:, 30:].any()
        assert scene.train.masks is not None and scene.train.masks[0] is not None
        np.testing.assert_array_equal(scene.train.masks[0], keep)


def test_a_wholly_transparent_photo_is_one_sentence(cut_out: Path) -> None:
    Image.new("RGBA", (64, 48)).save(cut_out / "images" / "001.png")
    assert scene_of(SceneConfig(root=str(cut_out), test_every=3)).train.masks is None
    with pytest.raises(UserError, match=r"001\.png is wholly transparent: with data\.alpha=mask none of its"):
        scene_of(SceneConfig(root=str(cut_out), test_every=3, alpha="mask"))


def test_a_mask_follows_the_resolution(cut_out: Path) -> None:
    image, keep = load_masked(cut_out / "images" / "000.png", 32)
    assert keep is not None and image.shape == (24, 32, 3) and keep.shape == (24, 32)
    assert keep[:, :14].all() and not keep[:, 16:].any()


def test_test_views_are_scored_on_what_counts(tmp_path: Path) -> None:
    test, images = written_views(tmp_path)
    keep = half()
    for path, image in zip(test.paths, images, strict=True):
        Image.fromarray(np.dstack([image, np.where(keep, 255, 0).astype(np.uint8)])).save(path)
    Image.new("RGBA", (WIDTH, HEIGHT)).save(test.paths[2])
    masked = replace(test, masked=True, over=0.0)
    gaussians = disturbed(true_scene()[1], 0.05).gaussians
    config = EvalConfig(lpips_download=False, align_test_views=True, align_iterations=2)
    result = evaluate(gaussians, masked, config, tmp_path / "out")
    assert "wholly transparent" in result.missing[f"test view {test.names[2]}"]
    for view, image, path in zip(result.views, images, result.renders, strict=False):
        render = np.array(Image.open(path)).astype(float) / 255
        error = ((render - image / 255)[keep] ** 2).mean()
        assert view.scores["psnr"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
