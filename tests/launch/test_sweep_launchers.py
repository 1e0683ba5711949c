"""Sweeps on other engines: a killed one goes on, and nothing is computed twice."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

LAUNCHERS = {
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit_local": ["hydra/launcher=submitit_local", "hydra.launcher.cpus_per_task=1"],
}
SMALL = ["task=pose", "model=sfm", "data.pairs=2", "data.frames=3", "metrics.bootstrap=20", "wandb=disabled"]
SIX_JOBS = ["model.min_inliers=14,15,16", "input=pair,interpolated", "report.auto=false"]


def start(overrides: list[str], folder: Path) -> subprocess.Popen[bytes]:
    where = [f"hydra.sweep.dir={folder / 'sweep'}", f"cache.root={folder / 'cache'}"]
    command = [sys.executable, "-W", "ignore", "-m", "hw4", "-m", *SMALL, *overrides, *where]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the sweep and to every worker that it started."""
    parent = psutil.Process(process.pid)
    for one in [*parent.children(recursive=True), parent]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def lines(folder: Path, pattern: str) -> list[str]:
    return [line for path in folder.glob(pattern) for line in path.read_text().splitlines()]


def results(folder: Path) -> dict[Path, int]:
    """Each finished job's results, and when they were written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("sweep/*/results.json")}


def wait_for(process: subprocess.Popen[bytes], folder: Path, holds: Callable[[], bool]) -> None:
    """Wait until something holds, while the sweep goes on."""
    deadline = time.monotonic() + 240
    while not holds():
        assert process.poll() is None and time.monotonic() < deadline, (folder / "log.txt").read_text()
        time.sleep(0.01)


def table(folder: Path) -> list[object]:
    content = json.loads((folder / "sweep" / "comparison.json").read_text())
    return [
        (job["settings"], job["results"]["pose"]["metrics"], job["results"]["pose"]["n_valid"])
        for job in content["jobs"]
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert start(SIX_JOBS, folder).wait() == 0, (folder / "log.txt").read_text()
    return table(folder)


@pytest.mark.parametrize("launcher", sorted(LAUNCHERS))
def test_a_killed_sweep_goes_on(launcher: str, uninterrupted: list[object], tmp_path: Path) -> None:
    overrides = [*SIX_JOBS, *LAUNCHERS[launcher]]
    process = start(overrides, tmp_path)
    wait_for(process, tmp_path, lambda: bool(results(tmp_path)))
    kill_all(process)
    computed = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    finished = results(tmp_path)
    # One job at least is over, and one at least has samples to go.
    assert 1 <= len(finished) < 6 and 2 <= len(computed) < 12
    assert not (tmp_path / "sweep" / "comparison.json").exists()

    assert start(overrides, tmp_path).wait() == 0, (tmp_path / "log.txt").read_text()

    assert table(tmp_path) == uninterrupted
    # What was computed before the kill still stands there as it was, and each sample stands there once.
    after = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    assert len(after) == 12 and set(computed) <= set(after)
    assert results(tmp_path) | finished == results(tmp_path), "finished jobs were left alone"
