"""What W&B hears of a run: the settings that it reads, and its samples as they come."""

from pathlib import Path
from typing import Any

import pytest

from hw4.config import Config, MetricsConfig, PairsConfig, SampleConfig, ScoreConfig
from hw4.jobs import logged
from hw4.jobs.logged import PoseLog, run_config
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.sfm.config import SfmConfig
from hw4.pose.results import SampleResult
from hw4.tracking.tracker import Tracker
from tests.support.report_folders import sample


class Kept(Tracker):
    drops = False

    def __init__(self) -> None:
        self.records: list[dict[str, float | None]] = []
        self.axes: list[tuple[str, str]] = []

    def log(self, values: dict[str, float | None]) -> None:
        self.records.append(values)

    def axis(self, prefix: str, name: str) -> None:
        self.axes.append((prefix, name))


def test_only_what_the_task_reads() -> None:
    config = run_config(
        Config(task="pose", model=SfmConfig(), data=SampleConfig(pairs=3)), {"git_commit": "c"}
    )
    assert {key: config[key] for key in ("task", "model", "input", "data")} == {
        "task": "pose", "model": "sfm", "input": "pair", "data": "sample",
    }  # fmt: skip
    assert config["provenance"] == {"git_commit": "c"}
    settings = config["settings"]
    assert settings["data"]["pairs"] == 3 and settings["metrics"]["protocol"] == "relative"
    assert settings["model"]["min_inliers"] == SfmConfig().min_inliers
    assert not {"splat", "pretrain", "wandb", "view", "cache"} & set(settings)


def test_a_scored_file_has_no_model() -> None:
    config = Config(
        task="score", model=Dust3rConfig(), data=PairsConfig(root="x"), score=ScoreConfig(predictions="p.npy")
    )
    found = run_config(config, {})
    assert "model" not in found and "model" not in found["settings"] and "input" not in found
    assert found["settings"]["score"]["predictions"] == "p.npy"


def test_samples_are_told_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 1.0, 3.0, 3.0])
    monkeypatch.setattr(logged.time, "monotonic", lambda: next(clock))
    tracker = Kept()
    told = PoseLog(tracker, MetricsConfig())
    for idx, error in enumerate([2.0, None, 10.0]):
        told(SampleResult.from_row(sample(idx, error)))
    assert tracker.axes == [("pose", "pose/sample")]
    first, second, third = tracker.records
    assert (first["pose/sample"], first["pose/rotation_error_deg"], first["pose/mre"]) == (1.0, 2.0, 2.0)
    assert second["pose/rotation_error_deg"] is None and "pose/mre" not in second, "a second later"
    assert third["pose/mre"] == 6.0 and third["pose/acc_5"] == 0.5


def test_nobody_listens(tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError

    dropped = Tracker()
    dropped.log = fail  # type: ignore[method-assign]
    PoseLog(dropped, MetricsConfig())(SampleResult.from_row(sample(0, 1.0)))
