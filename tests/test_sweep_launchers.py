"""Sweeps on other engines: a killed one goes on, nothing is computed twice, and a search finds its best."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

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
    deadline = time.monotonic() + 240
    while len(lines(tmp_path, "sweep/*/samples.jsonl")) < 5:
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
        time.sleep(0.01)
    kill_all(process)
    computed = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("sweep/*/results.json")}
    assert len(computed) < 12 and not (tmp_path / "sweep" / "comparison.json").exists()

    assert start(overrides, tmp_path).wait() == 0, (tmp_path / "log.txt").read_text()

    assert table(tmp_path) == uninterrupted
    # What was computed before the kill still stands there as it was, and each sample stands there once.
    after = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    assert len(after) == 12 and set(computed) <= set(after)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def test_optuna_finds_the_best_of_its_trials(tmp_path: Path) -> None:
    search = ["hydra/sweeper=optuna", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_trials=2"]
    search += ["hydra.sweeper.n_jobs=1", "objective=neg_mre", "model.max_ratio=interval(0.7,0.9)"]
    assert start([*search, "report.auto=false"], tmp_path).wait() == 0, (tmp_path / "log.txt").read_text()
    best = yaml.safe_load((tmp_path / "sweep" / "optimization_results.yaml").read_text())["best_value"]
    errors = [metrics["MRE"]["value"] for _, metrics, _ in table(tmp_path)]
    assert len(errors) == 2 and best == pytest.approx(-min(errors))


@pytest.mark.parametrize("aim", [[], ["objective=neg_mre"], ["hydra.sweeper.direction=maximize"]])
def test_a_search_without_an_aim_is_refused(aim: list[str], tmp_path: Path) -> None:
    search = ["hydra/sweeper=optuna", "model.max_ratio=interval(0.7,0.9)", *aim]
    assert start(search, tmp_path).wait() == 1
    text = (tmp_path / "log.txt").read_text()
    assert "add objective=psnr or objective=neg_mre" in text and "Traceback" not in text
