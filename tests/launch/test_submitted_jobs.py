"""A sweep of submitit's, whose launcher is lost, or one of whose jobs is."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from hw4.core.errors import UserError
from hw4.launch import submitted_jobs
from hw4.launch.submitted import Going, Submitted
from tests.support.sweeps import lines, start, wait_for

TWO_JOBS = [
    *("hydra/launcher=submitit_local", "hydra.sweeper.max_batch_size=2", "report.auto=false"),
    *("model.min_inliers=14,15", "input=pair", "data.pairs=3"),
]


def submitted(folder: Path) -> dict[str, str]:
    """Numbers of the jobs' processes."""
    path = folder / "sweep" / "submitted.json"
    if not path.exists():
        return {}
    return {name: job["id"] for name, job in json.loads(path.read_text())["jobs"].items()}


def status(folder: Path, job: int) -> str:
    return str(json.loads((folder / "sweep" / str(job) / "results.json").read_text())["status"])


@pytest.mark.slow
def test_a_lost_launcher_finds_its_jobs_and_sends_only_what_is_missing(tmp_path: Path) -> None:
    launcher = start(TWO_JOBS, tmp_path)
    wait_for(launcher, tmp_path, lambda: len(submitted(tmp_path)) == 2)
    launcher.kill()
    launcher.wait()
    before = submitted(tmp_path)
    lost = psutil.Process(int(before["1"]))
    for process in [*lost.children(recursive=True), lost]:
        process.kill()
    lost.wait()

    assert start(TWO_JOBS, tmp_path).wait(240) == 0, (tmp_path / "log.txt").read_text()

    after = submitted(tmp_path)
    assert after["0"] == before["0"] and after["1"] != before["1"]
    assert [status(tmp_path, job) for job in (0, 1)] == ["ok", "ok"]
    assert len(lines(tmp_path, "cache/pose/*/predictions.jsonl")) == 6, "no sample was computed twice"


class Job:
    """In the place of a sweep's job, which would need Hydra."""

    finished_before = False

    def is_finished(self) -> bool:
        return self.finished_before

    def finished(self) -> str:
        return "finished"

    def lost(self, error: str) -> str:
        return error


class Queue(Going):
    """A cluster on which job 2 alone ends, and which does not answer at first."""

    def __init__(self) -> None:
        self.asked = 0

    def has(self, job: Submitted) -> bool:
        self.asked += 1
        if self.asked < 3:
            raise UserError("no answer")
        return job.id == "2" and self.asked < 12


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(submitted_jobs, "LOOK_S", 0.001)
    monkeypatch.setattr(submitted_jobs, "LATE_S", 0.002)
    monkeypatch.setattr(submitted_jobs, "Going", Queue)
    batch = submitted_jobs._Batch()
    for number in ("1", "2", "3"):
        paths = SimpleNamespace(result_pickle=tmp_path / number, stdout=Path(f"/log/{number}"))
        handle = SimpleNamespace(job_id=number, paths=paths, results=lambda: ["returned"])
        sent = Submitted("slurm", number, "login", "/sweep", [])
        batch.jobs.append(submitted_jobs._Job(batch, Job(), sent, handle))  # type: ignore[arg-type]
    return batch


def test_a_lost_job_takes_no_other_along(batch: Any, tmp_path: Path) -> None:
    (tmp_path / "3").touch()
    (lost,) = batch.jobs[0].results()
    assert "ended by the cluster (scancel, memory, time)" in lost and "(1; its log: /log/1)" in lost
    assert "(2; its log: /log/2)" in batch.jobs[1].outcome, "it was waited for"
    assert batch.jobs[2].outcome == "returned"


def test_a_job_that_was_killed_after_its_end_is_finished(batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "finished_before", True)
    assert batch.jobs[0].results() == ["finished"]
