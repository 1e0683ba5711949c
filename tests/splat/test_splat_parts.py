"""Parts of splatting against references: density control, alignment, losses, scores, files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from hw4.config import EvalConfig, InitConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.scene import TestViews, TrainScene
from hw4.geometry.align import camera_centers
from hw4.models.base import Reconstruction
from hw4.splat.gaussians import load_ply, make_gaussians
from hw4.splat.scoring.evaluate import evaluate
from hw4.splat.start import from_reconstruction, lr_factors
from hw4.splat.training.cameras import scene_extent
from hw4.splat.training.losses import depth_loss, psnr, ssim
from hw4.splat.training.train import train
from tests.support.splat_scenes import disturbed, random_similarity, ring_cameras, true_scene, written_views


def test_extent_is_3dgs_radius() -> None:
    centers = camera_centers(ring_cameras(5))
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 4)
    assert scene_extent(ring_cameras(5)) == pytest.approx(
        1.1 * max(np.linalg.norm(c - centers.mean(0)) for c in centers)
    )
    assert scene_extent(ring_cameras(1)) == 1.0


@pytest.mark.parametrize("size", [(11, 11), (23, 40)])
def test_image_losses_agree_with_torchmetrics(size: tuple[int, int]) -> None:
    g = torch.Generator().manual_seed(3)
    one = torch.rand(*size, 3, generator=g)
    other = (one + 0.2 * torch.rand(*size, 3, generator=g)).clamp(0, 1)
    x, y = (image.permute(2, 0, 1)[None] for image in (one, other))
    # torchmetrics mirrors the edges: windows that lie inside are those 5 pixels away from them.
    _, full = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    assert float(ssim(one, other)) == pytest.approx(float(full[..., 5:-5, 5:-5].mean()), abs=2e-5)
    assert float(psnr(one, other)) == pytest.approx(
        float(peak_signal_noise_ratio(x, y, data_range=1.0)), abs=1e-4
    )
    assert float(ssim(one, one)) == pytest.approx(1)


def test_depth_loss_ignores_what_is_unknown() -> None:
    depth = torch.tensor([[2.0, 3.0], [4.0, 5.0]], requires_grad=True)
    prior = torch.tensor([[1.0, 0.0], [float("nan"), 10.0]])
    alpha = torch.tensor([[1.0, 1.0], [1.0, 0.5]])
    loss = depth_loss(depth, alpha, prior)
    assert float(loss.detach()) == pytest.approx((1.0 * 1 + 0.5 * 0.5) / 1.5)
    loss.backward()
    assert depth.grad is not None and depth.grad[0, 1] == 0 and depth.grad[1, 0] == 0


def test_scores_are_torchmetrics_scores_of_the_written_files(tmp_path: Path) -> None:
    test, truth = written_views(tmp_path)
    gaussians = disturbed(true_scene()[1], 0.05).gaussians
    result = evaluate(gaussians, test, EvalConfig(lpips_download=False), tmp_path / "out")
    for view, image, path in zip(result.views, truth, result.renders, strict=True):
        render = torch.tensor(np.array(Image.open(path))).permute(2, 0, 1)[None] / 255
        target = torch.tensor(image).permute(2, 0, 1)[None] / 255
        assert view.scores["psnr"] == pytest.approx(
            float(peak_signal_noise_ratio(render, target, data_range=1.0)), abs=1e-4
        )
        expected = structural_similarity_index_measure(render, target, data_range=1.0)
        assert view.scores["ssim"] == pytest.approx(float(expected), abs=1e-6)
    assert result.mean("psnr") == pytest.approx(np.mean([view.scores["psnr"] for view in result.views]))


def test_missing_lpips_is_missing_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test, _ = written_views(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    result = evaluate(true_scene()[1].gaussians, test, EvalConfig(), tmp_path / "out")
    assert result.mean("lpips") is None and result.mean("psnr") is not None
    assert "could not be downloaded" in result.missing["lpips"]
    assert "splat.eval.lpips_weights" in result.missing["lpips"]


def test_aligned_test_cameras_score_higher_and_are_marked(tmp_path: Path) -> None:
    test, _ = written_views(tmp_path)
    truth = true_scene()[1]
    wrong = np.array(test.cam_from_world)
    wrong[:, :3] = Rotation.from_euler("y", 0.7, degrees=True).as_matrix() @ wrong[:, :3]
    moved = TestViews(test.names, test.paths, wrong, test.Ks, test.sizes, None)
    scores = {}
    for aligned in (False, True):
        config = EvalConfig(lpips_download=False, align_test_views=aligned, align_iterations=60)
        result = evaluate(truth.gaussians, moved, config, tmp_path / str(aligned))
        scores[aligned] = result.mean("psnr")
        assert result.aligned is aligned
    assert scores[True] > scores[False] + 6, scores


def test_a_broken_ply_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.ply").write_bytes(b"ply\n")
    for name in ("bad.ply", "none.ply"):
        with pytest.raises(UserError, match="cannot read the Gaussians"):
            load_ply(tmp_path / name)


def test_a_gaussian_is_as_large_as_its_neighbours_are_near() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 2]])
    gaussians = make_gaussians(points, np.zeros((4, 3), np.uint8), 0, 0.1)
    expected = np.sqrt((1 + 4 + 4) / 3)
    np.testing.assert_allclose(gaussians["scales"][0].detach().exp(), expected, rtol=1e-6)


def fake_reconstruction(n: int = 2) -> tuple[TrainScene, Reconstruction, np.ndarray]:
    """Two views in a world of their own; points of low confidence lie far away."""
    rng = np.random.default_rng(1)
    scene_cameras = ring_cameras(n)
    own = random_similarity(3)
    cameras = own.cam_from_world(scene_cameras)
    points = rng.uniform(-1, 1, (n, 6, 8, 3))
    conf = np.full((n, 6, 8), 9.0, np.float32)
    conf[:, :, 4:] = 1.0
    points[:, :, 4:] += 50
    images = [rng.integers(0, 255, (6, 8, 3)).astype(np.uint8) for _ in range(n)]
    Ks = np.tile(np.array([[8.0, 0, 4], [0, 8, 3], [0, 0, 1]]), (n, 1, 1))
    scene = TrainScene([f"{i}.png" for i in range(n)], [], images, scene_cameras, Ks)
    reconstruction = Reconstruction(
        cameras[:, :3],
        Ks,
        np.tile([8, 6], (n, 1)),
        np.tile(np.eye(3), (n, 1, 1)),
        images,
        pts3d=[own.points(p).astype(np.float32) for p in points],
        conf=list(conf),
        depth=[np.full((6, 8), 2.0, np.float32)] * n,
    )
    return scene, reconstruction, points


def test_initial_points_are_in_the_scenes_world_and_chosen_by_confidence() -> None:
    scene, reconstruction, points = fake_reconstruction()
    config = SplatConfig(init=InitConfig(max_points=30))
    start = from_reconstruction(scene, reconstruction, config, "fake")
    means = start.gaussians["means"].detach().numpy()
    assert len(means) == 30
    near = np.abs(means).max(axis=1) < 2
    assert near.mean() > 0.7, "nine times as likely as the unsure ones"
    cloud = points.reshape(-1, 3)
    assert np.abs(means[:, None] - cloud[None]).max(axis=2).min(axis=1).max() < 1e-3
    assert start.from_model is not None and start.depths is not None
    np.testing.assert_allclose(start.depths[0], 2.0 * start.from_model.scale, rtol=1e-5)
    best = from_reconstruction(
        scene, reconstruction, SplatConfig(init=InitConfig(min_conf_quantile=0.6)), "fake"
    )
    assert (np.abs(best.gaussians["means"].detach().numpy()).max(axis=1) < 2).all()


def test_all_points_are_taken_where_no_limit_is_set() -> None:
    scene, reconstruction, points = fake_reconstruction()
    start = from_reconstruction(scene, reconstruction, SplatConfig(init=InitConfig(max_points=None)), "fake")
    assert len(start.gaussians["means"]) == points.size // 3 and start.notes == []


def test_auto_limits_the_points_on_a_cpu_alone_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, reconstruction, points = fake_reconstruction()
    n = points.size // 3
    monkeypatch.setattr("hw4.splat.start.CPU_POINTS", 20)
    start = from_reconstruction(scene, reconstruction, SplatConfig(rasterizer="cpu"), "fake")
    assert len(start.gaussians["means"]) == 20
    assert start.notes == [f"20 of {n} points became Gaussians (splat.init.max_points=auto)"]
    start = from_reconstruction(scene, reconstruction, SplatConfig(rasterizer="gsplat"), "fake")
    assert len(start.gaussians["means"]) == n and start.notes == []


def test_a_view_that_was_not_placed_has_no_depth_and_the_others_do(tmp_path: Path) -> None:
    scene, reconstruction, _ = fake_reconstruction(3)
    reconstruction.cam_from_world[1] = np.nan
    start = from_reconstruction(scene, reconstruction, SplatConfig(), "fake")
    assert start.depths is not None and start.views == [0, 1, 2]
    assert [bool(depth.any()) for depth in start.depths] == [True, False, True]
    result = train(scene, start, SplatConfig(iterations=3, depth_weight=0.1), tmp_path)
    assert result.stopped is None and result.steps == 3


def test_unsure_points_get_the_larger_rates() -> None:
    factors = lr_factors(np.array([1.0, 5.0, 100.0, np.inf]))
    assert factors[0] == pytest.approx(1 + 99 / (1 + np.e)) and factors[-1] == pytest.approx(1)
    assert (np.diff(factors) <= 0).all()


def test_a_model_that_placed_one_view_is_not_enough() -> None:
    scene, reconstruction, _ = fake_reconstruction()
    reconstruction.cam_from_world[1] = np.nan
    with pytest.raises(UserError, match="placed 1 of 2 training views"):
        from_reconstruction(scene, reconstruction, SplatConfig(), "fake")
