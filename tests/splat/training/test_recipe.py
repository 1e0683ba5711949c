"""`splat/recipe=instantsplat` against a second trainer, written from what is known of InstantSplat's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hw4.config import SplatConfig
from hw4.data.scenes.scene import Scene, TestViews, TrainScene
from hw4.splat.stage import facts
from hw4.splat.start import initialise
from hw4.splat.training.step import TrainingRun
from tests.support.cli import plan
from tests.support.instantsplat_loop import Loop
from tests.support.splat_scenes import true_scene

ITERATIONS = 50
# As many prunings in 50 iterations as it takes to see them.
SHORTER = {"4": ("every=10", "start=10", "stop=45"), "5": ("every=5", "start=10", "stop=45")}


def setting(number: str, *overrides: str) -> SplatConfig:
    shorter = [f"splat.densify.{key}" for key in SHORTER.get(number, ())]
    command = [f"+experiment=p2_setting_{number}", f"splat.iterations={ITERATIONS}", *shorter, *overrides]
    return plan([*command, "splat.rasterizer=cpu"], multirun=False).jobs[0].splat


def scene() -> TrainScene:
    """Photos whose principal point is not the centre, points that are not the truth, confidences."""
    train, _ = true_scene()
    rng = np.random.default_rng(2)
    points = rng.uniform(-1, 1, (80, 3))
    Ks = train.Ks + np.array([[0, 0, 1.5], [0, 0, -1], [0, 0, 0]])
    colors = rng.integers(40, 255, (80, 3)).astype(np.uint8)
    return replace(train, Ks=Ks, points=points, colors=colors, conf=rng.uniform(1, 6, 80).astype(np.float32))


def started(config: SplatConfig) -> TrainingRun:
    train = scene()
    whole = Scene(Path(), "test", train, TestViews([], [], None, None, None, None))
    init, _ = initialise(whole, config, None)
    torch.manual_seed(config.seed)
    return TrainingRun(train, init, config)


def second(config: SplatConfig, **options: object) -> Loop:
    train = scene()
    images = [image / 255 for image in train.images]
    cameras, Ks = train.cam_from_world, train.Ks
    points, colors, conf = train.points, train.colors, train.conf
    return Loop(images, cameras, Ks, points, colors, conf, ITERATIONS, config.seed, **options)  # type: ignore[arg-type]


def disturb(run: TrainingRun, loop: Loop) -> None:
    """Some Gaussians are on their way to nothing; none is round, or its rotation would be noise."""
    stretched = torch.tensor(np.random.default_rng(3).normal(0, 0.3, (80, 3)), dtype=torch.float32)
    with torch.no_grad():
        for values in (run.gaussians, loop.values):
            values["opacities"][::4] = -5.2
            values["scales"] += stretched


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, options",
    [
        ("1", {}),
        ("2", {"position_lr": 3.2e-4, "scale_factor": 2.0}),
        ("4", {"per_point": False, "prune_every": 10, "prune_start": 10, "prune_stop": 45}),
        ("5", {"per_point": False, "prune_every": 5, "prune_start": 10, "prune_stop": 45}),
    ],
)
def test_instantsplat_is_what_a_second_trainer_does(number: str, options: dict[str, object]) -> None:
    config = setting(number)
    run, loop = started(config), second(config, **options)
    disturb(run, loop)
    before = {name: value.detach().clone() for name, value in loop.values.items()}
    for step in range(1, ITERATIONS + 1):
        last = {name: value.detach().clone() for name, value in run.gaussians.items()}
        losses = run.advance()
        loop.iterate(step)
        used = {name: optimizer.param_groups[0]["lr"] for name, optimizer in run.optimizers.items()}
        used["cameras"] = run.camera_optimizer.param_groups[0]["lr"]
        assert used == pytest.approx(loop.rates[-1], rel=1e-6), step
        assert float(losses.loss) == pytest.approx(loop.losses[-1], rel=2e-3), step
        assert len(run.gaussians["means"]) == loop.counts[-1], step
        if step == 1:
            for name, value in loop.values.items():
                ours = run.learnt[:, [3, 0, 1, 2, 4, 5, 6]] if name == "cameras" else run.gaussians[name]
                torch.testing.assert_close(
                    ours, value, rtol=1e-5, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}"
                )
    assert all(torch.equal(last[name], value) for name, value in run.gaussians.items()), "the last step"
    assert min(loop.counts) < 80 or number in "12", "the test is to prune something"
    for name, value in loop.values.items():
        ours = run.learnt[:, [3, 0, 1, 2, 4, 5, 6]] if name == "cameras" else run.gaussians[name]
        assert not torch.equal(value, before[name]) or name == "shN"
        # A gradient that is zero but for rounding moves its parameter by a whole step either way.
        difference = (ours - value).abs().detach().flatten()
        assert float(difference.quantile(0.9)) < 5 * loop.rates[0][name], name


def test_the_tables_say_what_a_recipe_changes_in_the_meaning_of_numbers() -> None:
    said = "\n".join(facts(setting("4")))
    for words in (
        "density control prunes only: adds no Gaussian",
        "images' centres",
        "SSIM goes on",
        "LPIPS of",
    ):
        assert words in said
    assert "prunes" not in "\n".join(facts(setting("1"))), "there is nothing to prune without density control"
    assert facts(setting("4", "splat/recipe=3dgs")) == []
