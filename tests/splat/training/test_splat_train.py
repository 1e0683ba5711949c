"""The trainer: resumes exactly, keeps the last good state, fits a scene whose truth is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hw4.config import DensifyConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.splat.gaussians import render_gaussians
from hw4.splat.rasterize.trained import render_trained
from hw4.splat.training import step as training_run
from hw4.splat.training.cameras import scene_extent
from hw4.splat.training.listeners import Listeners
from hw4.splat.training.step import TrainingRun, means_lr, view_order
from hw4.splat.training.train import CHECKPOINT, TrainResult, train
from tests.support.splat_scenes import disturbed, true_scene

pytestmark = pytest.mark.slow

CONFIG = SplatConfig(
    iterations=30, sh_degree=0, checkpoint_every=10, log_every=5, optimize_cameras=True, background="random"
)
DENSIFY = {
    "off": DensifyConfig(),
    "default": DensifyConfig(strategy="default", every=4, start=2, stop=28, grad_threshold=1e-6),
    "mcmc": DensifyConfig(strategy="mcmc", every=4, start=2, stop=28, max_gaussians=80),
}


def same(one: TrainResult, other: TrainResult) -> bool:
    return all(
        torch.equal(one.gaussians[name], other.gaussians[name]) for name in one.gaussians
    ) and np.array_equal(one.cam_from_world, other.cam_from_world)


class Killed(Exception):
    pass


def kill(step: int, *_: object) -> None:
    if step == 17:
        raise Killed


class Told:
    """What a run tells its listeners, in order."""

    def __init__(self) -> None:
        self.metrics: list[tuple[int, dict[str, float]]] = []
        self.images: list[tuple[int, str, bytes]] = []

    def on_metrics(self, step: int, record: dict[str, float]) -> None:
        self.metrics.append((step, record))

    def on_image(self, step: int, name: str, image: np.ndarray) -> None:
        self.images.append((step, name, image.tobytes()))

    @property
    def listeners(self) -> Listeners:
        return Listeners(self.on_metrics, self.on_image)


def test_a_full_device_is_a_sentence_and_the_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, truth = true_scene()
    rendered = []

    def full(*arguments: Any) -> Any:
        rendered.append(1)
        if len(rendered) > 13:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return render_trained(*arguments)

    monkeypatch.setattr(training_run, "render_trained", full)
    config = replace(CONFIG, render_every=10)
    with pytest.raises(UserError, match=r"has no memory left at iteration 14, for \d+ Gaussians"):
        train(scene, disturbed(truth, 0.1), config, tmp_path)
    assert (tmp_path / CHECKPOINT).is_file()


@pytest.mark.parametrize("strategy", sorted(DENSIFY))
def test_a_resumed_run_is_the_uninterrupted_one(strategy: str, tmp_path: Path) -> None:
    scene, truth = true_scene()
    start = disturbed(truth, 0.1)
    # Renders at the steps of the checkpoints, as with the default settings.
    config = replace(CONFIG, densify=DENSIFY[strategy], render_every=CONFIG.checkpoint_every)
    told, told_again = Told(), Told()
    whole = train(scene, start, config, tmp_path / "whole", told.listeners)
    with pytest.raises(Killed):
        train(scene, start, config, tmp_path / "cut", Listeners(image=lambda *_: None, progress=kill))
    resumed = train(scene, start, config, tmp_path / "cut", told_again.listeners)
    assert resumed.resumed_at == 10 and same(whole, resumed) and resumed.history == whole.history
    assert [step for step, *_ in told.images] == [10, 20, 30]
    assert told_again.metrics == told.metrics and told_again.images == told.images
    if strategy != "off":
        assert len(whole.gaussians["means"]) != len(start.gaussians["means"])
    # Another seed must show, or the comparison above would say nothing.
    assert not same(whole, train(scene, start, replace(config, seed=1), tmp_path / "other"))


def test_a_longer_run_takes_up_a_shorter_one_unless_rates_depend_on_the_length(tmp_path: Path) -> None:
    scene, truth = true_scene()
    for name, options, taken_up in (
        ("plain", {}, 4),
        ("decay", {"camera_lr_final_factor": 0.01}, 0),
        ("end", {"update_at_end": False}, 0),
    ):
        config = replace(CONFIG, iterations=4, **options)
        train(scene, truth, config, tmp_path / name)
        longer = train(scene, truth, replace(config, iterations=6), tmp_path / name)
        assert longer.resumed_at == taken_up, name


def test_what_is_logged_and_how_often_changes_nothing(tmp_path: Path) -> None:
    scene, truth = true_scene()
    start = disturbed(truth, 0.1)
    plain = train(scene, start, CONFIG, tmp_path / "plain")
    often = replace(CONFIG, render_every=1, log_every=1, checkpoint_every=3)
    assert same(plain, train(scene, start, often, tmp_path / "often", Listeners(image=lambda *_: None)))


def test_a_finished_run_is_told_again(tmp_path: Path) -> None:
    scene, truth = true_scene()
    first, again = Told(), Told()
    config = replace(CONFIG, render_every=15)
    once = train(scene, truth, config, tmp_path, first.listeners)
    twice = train(scene, truth, config, tmp_path, again.listeners)
    assert twice.resumed_at == 30 and twice.seconds == pytest.approx(once.seconds, abs=0.5)
    assert again.metrics == first.metrics and again.images == first.images and len(first.images) == 2


@pytest.mark.parametrize(("strategy", "opacity"), [("default", 0.3), ("mcmc", 0.3)])
def test_training_stops_where_no_gaussian_is_left(strategy: str, opacity: float, tmp_path: Path) -> None:
    scene, truth = true_scene()
    start = disturbed(truth, 0.1)
    with torch.no_grad():
        start.gaussians["opacities"].fill_(float(np.log(opacity / (1 - opacity))))
    density = DensifyConfig(strategy=strategy, every=2, start=0, prune_opacity=0.45, grad_threshold=1e3)
    config = replace(CONFIG, densify=density, opacity_lr=0.0, checkpoint_every=1)
    result = train(scene, start, config, tmp_path)
    assert result.steps == 1 and len(result.gaussians["means"]) == 60
    assert result.stopped is not None
    assert "at iteration 2 no Gaussian is above splat.densify.prune_opacity=0.45" in result.stopped
    # It is not tried again, and says why it ended.
    again = train(scene, start, config, tmp_path)
    assert again.stopped == result.stopped and same(result, again)


@pytest.mark.parametrize("key", ["optimizers", "seconds", "density"])
def test_an_incomplete_checkpoint_is_one_sentence(key: str, tmp_path: Path) -> None:
    scene, truth = true_scene()
    config = replace(CONFIG, densify=DENSIFY["default"])
    train(scene, truth, config, tmp_path)
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    del saved[key]
    torch.save(saved, tmp_path / CHECKPOINT)
    with pytest.raises(UserError, match=f"is incomplete .*{key}.* delete it"):
        train(scene, truth, config, tmp_path)


def test_more_iterations_take_up_the_finished_run(tmp_path: Path) -> None:
    scene, truth = true_scene()
    start = disturbed(truth, 0.1)
    train(scene, start, CONFIG, tmp_path / "a")
    longer = train(scene, start, replace(CONFIG, iterations=40), tmp_path / "a")
    assert longer.resumed_at == 30
    assert same(longer, train(scene, start, replace(CONFIG, iterations=40), tmp_path / "b"))


def test_another_configuration_starts_anew(tmp_path: Path) -> None:
    scene, truth = true_scene()
    train(scene, truth, CONFIG, tmp_path)
    assert train(scene, truth, replace(CONFIG, scale_lr=0.01), tmp_path).resumed_at == 0


@pytest.mark.parametrize("harm", ["cut", "flipped"])
def test_a_damaged_checkpoint_is_said_and_not_believed(
    harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit in the middle of a tensor is loaded by torch without a word."""
    scene, truth = true_scene()
    config = replace(CONFIG, iterations=3)
    first = train(scene, truth, config, tmp_path)
    content = bytearray((tmp_path / CHECKPOINT).read_bytes())
    place = content.index(first.gaussians["means"].detach().numpy().tobytes())
    content[place] ^= 64
    (tmp_path / CHECKPOINT).write_bytes(content[:place] if harm == "cut" else content)
    again = train(scene, truth, config, tmp_path)
    assert again.resumed_at == 0 and same(again, first)
    assert "the training starts again" in caplog.text


@pytest.mark.parametrize("strategy", ["off", "mcmc"])
@pytest.mark.parametrize("where", ["loss", "parameter"])
def test_nan_ends_training_with_the_last_good_state(
    where: str, strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, truth = true_scene()
    start = disturbed(truth, 0.1)
    config = replace(CONFIG, densify=DENSIFY[strategy])
    good = train(scene, start, replace(config, iterations=10), tmp_path / "good")
    terms, update = training_run.photo_terms, TrainingRun._update
    calls = 0

    def bad_terms(*given: Any) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal calls
        calls += 1
        l1, ssim = terms(*given)
        return l1, ssim * (float("nan") if calls == 16 else 1.0)

    def bad_update(run: TrainingRun, info: dict[str, Any]) -> None:
        update(run, info)
        if run.step == 16:
            with torch.no_grad():
                run.gaussians["opacities"][0] = float("nan")

    if where == "loss":
        monkeypatch.setattr(training_run, "photo_terms", bad_terms)
    else:
        monkeypatch.setattr(TrainingRun, "_update", bad_update)
    result = train(scene, start, config, tmp_path / "bad")
    assert result.stopped is not None and "iteration 10 is kept" in result.stopped
    if where == "loss":
        assert "the loss stopped being a number at iteration 16" in result.stopped
    else:
        # Found at the next record, or before density control touches it.
        found = 20 if strategy == "off" else 16
        assert f"a parameter stopped being a number by iteration {found}" in result.stopped
    assert result.steps == 10 and same(result, good)


def test_a_scene_is_fitted_from_its_own_truth(tmp_path: Path) -> None:
    scene, truth = true_scene()
    config = SplatConfig(
        iterations=500, sh_degree=0, log_every=50, checkpoint_every=500, optimize_cameras=False, lr=2e-3
    )
    result = train(scene, disturbed(truth, 0.03), config, tmp_path)
    first, last = result.history[0]["psnr_train"], np.mean([h["psnr_train"] for h in result.history[-3:]])
    assert first < 30 and last > 35, (first, last)


def test_training_at_the_truth_stays_there(tmp_path: Path) -> None:
    scene, truth = true_scene()
    rates = dict.fromkeys(("lr", "features_lr", "opacity_lr", "scale_lr", "rotation_lr", "camera_lr"), 0.0)
    result = train(scene, truth, SplatConfig(iterations=3, sh_degree=0, log_every=1, **rates), tmp_path)
    assert min(h["psnr_train"] for h in result.history) > 50, "only the rounding to 8 bits is left"


def turned_cameras(cameras: np.ndarray, degrees: float) -> np.ndarray:
    turned = cameras.copy()
    for view, axis in enumerate(("x", "y", "x")):
        wrong = Rotation.from_euler(axis, degrees * (-1) ** view, degrees=True).as_matrix()
        turned[view, :3] = wrong @ cameras[view, :3]
    return turned


def camera_error_deg(cameras: np.ndarray, truth: np.ndarray) -> float:
    """Mean angle between relative rotations: the world itself may turn."""
    one = cameras[1:, :3, :3] @ cameras[0, :3, :3].T
    other = truth[1:, :3, :3] @ truth[0, :3, :3].T
    return float(np.degrees(Rotation.from_matrix(one @ other.transpose(0, 2, 1)).magnitude()).mean())


def test_camera_optimisation_finds_the_cameras(tmp_path: Path) -> None:
    scene, truth = true_scene()
    wrong = replace(truth, cam_from_world=turned_cameras(truth.cam_from_world, 0.6))
    before = camera_error_deg(wrong.cam_from_world, truth.cam_from_world)
    frozen = dict.fromkeys(("lr", "features_lr", "opacity_lr", "scale_lr", "rotation_lr"), 0.0)
    config = SplatConfig(iterations=150, sh_degree=0, camera_lr=3e-4, **frozen)
    after = camera_error_deg(
        train(scene, wrong, config, tmp_path / "on").cam_from_world, truth.cam_from_world
    )
    assert before > 0.5 and after < before / 3, (before, after)
    off = train(scene, wrong, replace(config, optimize_cameras=False, iterations=3), tmp_path / "off")
    np.testing.assert_allclose(off.cam_from_world, wrong.cam_from_world, atol=1e-6)


def test_depth_regularisation_lowers_the_depth_error(tmp_path: Path) -> None:
    scene, truth = true_scene()
    # Pushed away along the rays of the middle camera: its picture hardly changes, its depth does.
    pushed = disturbed(truth, 0.0)
    with torch.no_grad():
        pushed.gaussians["means"][:, 2] *= 1.15
        pushed.gaussians["means"][:, 2] += 0.3

    def depth_error(weight: float) -> float:
        config = SplatConfig(iterations=80, sh_degree=0, lr=2e-3, depth_weight=weight, optimize_cameras=False)
        result = train(scene, pushed, config, tmp_path / str(weight))
        views = torch.tensor(truth.cam_from_world, dtype=torch.float32)
        Ks = torch.tensor(truth.Ks, dtype=torch.float32)
        with torch.no_grad():
            rendered, alphas, _ = render_gaussians(result.gaussians, views, Ks, 40, 32, render_mode="RGB+ED")
        expected = torch.tensor(np.stack(truth.depths))
        seen = (alphas[..., 0] > 0.5) & (expected > 0)
        return float((rendered[..., 3] - expected).abs()[seen].mean())

    assert depth_error(1.0) < 0.7 * depth_error(0.0)


def test_depth_regularisation_needs_depth(tmp_path: Path) -> None:
    scene, truth = true_scene()
    with pytest.raises(UserError, match="depth_weight needs a model's depth"):
        train(scene, replace(truth, depths=None), SplatConfig(depth_weight=0.1), tmp_path)


def test_learning_rate_schedule() -> None:
    config = SplatConfig()
    assert means_lr(config, 0, 2.0) == pytest.approx(2 * 1.6e-4)
    assert means_lr(config, 30_000, 2.0) == pytest.approx(2 * 1.6e-6)
    assert means_lr(config, 99_999, 2.0) == means_lr(config, 30_000, 2.0)
    # Log-linear between, as 3DGS's get_expon_lr_func without delay.
    expected = np.exp(np.interp(1000 / 30_000, [0, 1], np.log([1.6e-4, 1.6e-6])))
    assert means_lr(config, 1000, 1.0) == pytest.approx(expected)


def test_sh_degree_grows_and_the_rates_are_used(tmp_path: Path) -> None:
    scene, truth = true_scene()
    config = SplatConfig(iterations=9, sh_degree=2, sh_every=3, log_every=1)
    start = replace(truth, gaussians=disturbed(truth, 0.0).gaussians)
    start.gaussians["shN"] = torch.nn.Parameter(torch.zeros(len(start.gaussians["means"]), 8, 3))
    history = train(scene, start, config, tmp_path).history
    assert [h["sh_degree"] for h in history] == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    extent = scene_extent(truth.cam_from_world)
    assert [h["lr_means"] for h in history] == [means_lr(config, step, extent) for step in range(1, 10)]


def test_every_view_once_a_round() -> None:
    order = [view_order(5, 3, step) for step in range(1, 26)]
    rounds = [order[i : i + 5] for i in range(0, 25, 5)]
    assert all(sorted(one) == list(range(5)) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_unsure_points_move_further(tmp_path: Path) -> None:
    scene, truth = true_scene()
    moved = []
    for factor in (1.0, 10.0):
        start = disturbed(truth, 0.1)
        with torch.no_grad():
            start.gaussians["lr_factors"].fill_(factor)
        config = SplatConfig(iterations=1, sh_degree=0, optimize_cameras=False)
        result = train(scene, start, config, tmp_path / str(factor))
        moved.append((result.gaussians["means"] - start.gaussians["means"]).detach())
    torch.testing.assert_close(moved[1], 10 * moved[0], rtol=1e-3, atol=1e-6)
