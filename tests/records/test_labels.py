"""Runs are called by the values in which they differ, as people gave them."""

from dataclasses import replace
from pathlib import Path

import pytest

from hw4.config import Config, SplatConfig
from hw4.core.durable import write_text
from hw4.records.labels import labels, settings, short
from hw4.records.runs import load_runs
from tests.support.report_folders import POSE, pair_and_interpolated, write_job, write_pose_job


def given(folder: Path, *overrides: str) -> None:
    write_text(folder / ".hydra" / "overrides.yaml", "".join(f"- {word}\n" for word in overrides))


def test_a_recipe_is_one_value_whatever_it_sets(tmp_path: Path) -> None:
    base = Config(task="splat", name="setting_1")
    for number, (recipe, splat) in enumerate(
        (
            ("3dgs", SplatConfig()),
            ("instantsplat", SplatConfig(scale_lr=0.05, opacity_lr=0.1, features_lr=1.0)),
        )
    ):
        folder = write_job(tmp_path / str(number), replace(base, splat=splat))
        given(folder, "+experiment=setting_1", f"splat/recipe={recipe}", f"hydra.sweep.dir=/x/{number}")
    runs = load_runs(tmp_path).runs
    assert [run.label for run in runs] == ["setting_1, recipe=3dgs", "setting_1, recipe=instantsplat"]
    assert settings(runs)[0] == ["splat/recipe"]


def test_without_the_command_line_the_configurations_tell(tmp_path: Path) -> None:
    for number, lr in enumerate((1e-3, 2e-3)):
        config = Config(task="splat", splat=SplatConfig(lr=lr, seed=number, scale_lr=float(number)))
        folder = write_job(tmp_path / str(number), config)
        if number:
            given(folder, "splat.lr=2e-3")
    runs = load_runs(tmp_path).runs
    assert [run.label for run in runs] == ["lr=0.001, scale_lr=0.0, seed=0", "lr=0.002, scale_lr=1.0, seed=1"]
    assert labels(runs, lambda key: key == "splat.seed") == [
        "lr=0.001, scale_lr=0.0",
        "lr=0.002, scale_lr=1.0",
    ]


def test_model_and_input_stand_for_pose_and_equal_runs_keep_their_jobs(tmp_path: Path) -> None:
    pair, interpolated = pair_and_interpolated()
    for number, config in enumerate((pair, interpolated, interpolated)):
        write_pose_job(tmp_path / str(number), config, [1.0, 2.0])
    assert [run.label for run in load_runs(tmp_path).runs] == [
        "sfm, pair",
        "sfm, interpolated (job 1)",
        "sfm, interpolated (job 2)",
    ]


@pytest.mark.parametrize("text", ["{", "a: b", "- 1\n- [x]\n"])
def test_a_damaged_command_line_is_none(tmp_path: Path, text: str) -> None:
    for number in range(2):
        folder = write_pose_job(tmp_path / str(number), replace(POSE, name=f"run {number}"), [1.0])
        write_text(folder / ".hydra" / "overrides.yaml", text)
    assert [run.label for run in load_runs(tmp_path).runs] == ["run 0", "run 1"]


def test_keys_that_end_alike_are_whole() -> None:
    assert short(["a.seed", "b.seed", "splat/recipe"]) == {
        "a.seed": "a.seed",
        "b.seed": "b.seed",
        "splat/recipe": "recipe",
    }
