"""Predictions without ground truth: files and pictures, and the same numbers when they are scored later."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hw4.config import Config, InputConfig, MetricsConfig, PairsConfig, SampleConfig, ScoreConfig, WandbConfig
from hw4.config.root import CacheConfig
from hw4.core.errors import UserError
from hw4.jobs.run import run_job
from hw4.models import registry
from hw4.models.sfm.config import SfmConfig
from tests.support.fake_models import FakeModel
from tests.support.homework import write_homework


@pytest.fixture
def homework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "build_model", lambda _: FakeModel())
    return write_homework(tmp_path, SampleConfig(root=str(tmp_path / "made"), pairs=6, width=48, height=36))


def config_of(homework: Path, part: str, tmp_path: Path, task: str = "predict", **more: Any) -> Config:
    return Config(
        task=task,
        model=SfmConfig(),
        data=PairsConfig(root=str(homework), split=part),
        metrics=MetricsConfig(bootstrap=0),
        wandb=WandbConfig(mode="disabled"),
        cache=CacheConfig(root=str(tmp_path / "cache")),
        **more,
    )


def finished(config: Config, out: Path) -> tuple[dict[str, Any], str]:
    terminal = io.StringIO()
    run_job(config, out, Console(file=terminal, width=160))
    return json.loads((out / "results.json").read_text()), terminal.getvalue()


@pytest.mark.parametrize("mode", ["pair", "interpolated"])
def test_a_part_without_truth_gives_files_and_pictures(homework: Path, tmp_path: Path, mode: str) -> None:
    out = tmp_path / "out"
    results, terminal = finished(config_of(homework, "private", tmp_path, input=InputConfig(mode)), out)
    assert results["status"] == "ok" and "pose" not in results
    found = results["predict"]
    assert (found["n_total"], found["n_placed"]) == (1, 1)
    content = np.load(out / "predictions.npy", allow_pickle=True).item()
    assert {key: value.shape for key, value in content.items()} == {"5": (2, 4, 4)}
    made = {str(path.relative_to(out)) for path in out.rglob("5*") if path.is_file()}
    assert made == {"clouds/5.ply", "pictures/5_views.png", "pictures/5_cloud.png"}
    assert len(json.loads((out / "predictions.jsonl").read_text())["image_paths"]) == (
        2 if mode == "pair" else 8
    )
    assert "error" not in terminal.lower() and "no ground truth was read" in terminal


def test_predictions_scored_later_have_the_pose_stages_numbers(homework: Path, tmp_path: Path) -> None:
    config = config_of(homework, "public", tmp_path)
    # One sample breaks and one has no cameras: both are said, and the run's end is theirs.
    with pytest.raises(UserError, match="1 of 5 samples ended in an error"):
        finished(config, tmp_path / "predicted")
    table = json.loads((tmp_path / "predicted" / "results.json").read_text())["predict"]
    assert (table["n_total"], table["n_placed"]) == (5, 3)
    scored = replace(
        config, task="score", score=ScoreConfig(predictions=str(tmp_path / "predicted" / "predictions.npy"))
    )
    later, _ = finished(scored, tmp_path / "scored")
    with pytest.raises(UserError, match="1 of 5 samples ended in an error"):
        finished(replace(config, task="pose"), tmp_path / "pose")
    at_once = json.loads((tmp_path / "pose" / "results.json").read_text())
    for name, metric in at_once["pose"]["metrics"].items():
        assert later["pose"]["metrics"][name]["value"] == pytest.approx(metric["value"], abs=1e-6)


def test_nothing_can_be_picked_by_a_truth_that_is_not_read(homework: Path, tmp_path: Path) -> None:
    oracle = InputConfig("interpolated", selection="oracle")
    with pytest.raises(UserError, match="oracle picks by the ground truth"):
        finished(config_of(homework, "private", tmp_path, input=oracle), tmp_path / "out")
