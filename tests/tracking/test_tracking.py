"""W&B: offline runs are complete on disk, and a broken logger never ends a run."""

import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb

from hw4.config import WandbConfig
from hw4.core.errors import UserError
from hw4.tracking.lean import packages
from hw4.tracking.tracker import Tracker
from hw4.tracking.wandb_run import open_tracker


@pytest.mark.slow
def test_offline_run_holds_what_was_logged(tmp_path: Path) -> None:
    warnings: list[str] = []
    tracker = open_tracker(WandbConfig(), tmp_path, {"task": "pose"}, "pose", "group-1", warn=warnings.append)
    tracker.log({"a": 1.0, "missing": None})
    tracker.table(
        "samples", ("idx", "error", "photos"), [(0, 1.5, np.zeros((4, 8, 3), np.uint8)), (1, None, None)]
    )
    tracker.image("picture", np.zeros((4, 4, 3), np.uint8))
    tracker.cloud("cloud", np.zeros((3, 3)), np.full((3, 3), 255, np.uint8))
    tracker.summary({"MRE": 2.5})
    tracker.finish()
    assert warnings == []
    # The service that writes the run's file empties its buffer when the process ends.
    wandb.teardown()
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    (log,) = folder.glob("run-*.wandb")
    content = log.read_bytes()
    assert b"group-1" in content and b"MRE" in content
    kinds = {path.suffix for path in (folder / "files" / "media").rglob("*") if path.is_file()}
    assert ".png" in kinds and ".json" in kinds
    # Photos of a table lie in its artifact.
    assert b".jpg" in content


def test_the_packages_are_those_that_wandb_finds() -> None:
    # As `wandb.util.working_set` asks for them.
    found = sorted((one.metadata["Name"], one.version) for one in distributions())
    assert sorted(packages()) == found and ("numpy", np.__version__) in found


def test_disabled_logs_nothing(tmp_path: Path) -> None:
    tracker = open_tracker(WandbConfig(mode="disabled"), tmp_path, {}, "pose", None)
    assert type(tracker) is Tracker
    tracker.log({"a": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_online_without_login_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise wandb.errors.UsageError("no API key configured")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(UserError, match=r"wandb=online could not start.*wandb login"):
        open_tracker(WandbConfig(mode="online"), tmp_path, {}, "pose", None)
    warnings: list[str] = []
    tracker = open_tracker(WandbConfig(), tmp_path, {}, "pose", None, warn=warnings.append)
    assert type(tracker) is Tracker and "no API key" in warnings[0]


class FakeRun:
    """W&B's run at the boundary: what it is asked to do."""

    url, id = "https://wandb.example/run", "abc"

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.artifacts: list[Any] = []

    def log_artifact(self, artifact: Any) -> None:
        self.artifacts.append(artifact)

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


def test_a_killed_job_resumes_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb, "init", FakeRun)
    monkeypatch.setenv("WANDB_MODE", "online")

    def opened(**config: Any) -> Any:
        return open_tracker(WandbConfig(), tmp_path, config, "pose", None)

    killed = opened(lr=1, provenance={"started": "then"})._run.given
    tracker = opened(lr=1, provenance={"started": "now"})
    given = tracker._run.given
    assert given["id"] == killed["id"] and given["resume"] == "allow" and given["mode"] == "online"
    assert not given["settings"].x_disable_stats and not given["settings"].x_disable_machine_info
    tracker.finish(failed=True)
    assert opened(lr=1)._run.given["id"] == given["id"], "it failed, and goes on"
    opened(lr=1).finish()
    assert opened(lr=1)._run.given["id"] != given["id"]


def test_an_agents_run_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb, "init", FakeRun)
    for key in ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_NAME", "WANDB_RUN_GROUP"):
        monkeypatch.setenv(key, "theirs")
    tracker: Any = open_tracker(WandbConfig(), tmp_path, {}, "pose", "group")
    given = tracker._run.given
    assert [given.get(key) for key in ("id", "project", "entity", "name", "group")] == [None] * 5
    assert given["mode"] == "online" and given["resume"] == "allow"


def test_files_are_kept_under_the_runs_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb, "init", FakeRun)
    (tmp_path / "report").mkdir()
    for name in ("report/a.csv", "report.html"):
        (tmp_path / name).write_text("x")
    tracker: Any = open_tracker(WandbConfig(), tmp_path / "run", {}, "pose", None)
    tracker.artifact("report", [tmp_path / "report.html", tmp_path / "report"], "report")
    (artifact,) = tracker._run.artifacts
    assert artifact.name.startswith("report-abc") and artifact.type == "report"
    assert sorted(artifact.manifest.entries) == ["report.html", "report/a.csv"]


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert type(open_tracker(WandbConfig(), tmp_path, {}, "pose", None)) is Tracker
    with pytest.raises(UserError, match="wandb=offline needs W&B: pip install wandb"):
        open_tracker(WandbConfig(mode="offline"), tmp_path, {}, "pose", None)


def test_online_without_a_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise wandb.errors.CommError(
            "Run initialization has timed out after 60.0 sec. \nPlease try increasing the timeout with the "
            "`init_timeout` setting: `wandb.init(settings=wandb.Settings(init_timeout=120))`."
        )

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(UserError) as raised:
        open_tracker(WandbConfig(mode="online"), tmp_path, {}, "pose", None)
    text = str(raised.value)
    assert "timed out after 60.0 sec); check the network" in text
    assert "\n" not in text and "Settings" not in text


def test_a_logger_that_breaks_warns_once(tmp_path: Path) -> None:
    warnings: list[str] = []
    tracker = open_tracker(WandbConfig(), tmp_path, {}, "pose", None, warn=warnings.append)

    class Broken:
        def log(self, *_: object, **__: object) -> None:
            raise OSError("disk full")

        def finish(self, **_: object) -> None:
            raise OSError("disk full")

    run, tracker._run = tracker._run, Broken()  # type: ignore[attr-defined]
    tracker.log({"a": 1.0})
    tracker.finish()
    assert len(warnings) == 2 and "disk full" in warnings[0]
    run.finish()
