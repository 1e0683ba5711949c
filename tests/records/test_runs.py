"""A run's folder read back: what a killed run left says the same as the finished run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hw4.config import Config, MetricsConfig, PairsConfig, ScoreConfig, WandbConfig
from hw4.config.root import ReportConfig
from hw4.core.durable import write_json
from hw4.jobs.comparison import write_comparison
from hw4.jobs.run import run_job
from hw4.records.comparison import compare
from hw4.records.listing import find_runs
from hw4.records.run import load_run
from hw4.records.runs import load_runs
from tests.support.pairs import camera_entry

MakePairs = Callable[..., tuple[Path, np.ndarray]]


@pytest.fixture
def scored(pairs_folder: MakePairs, tmp_path: Path) -> Path:
    """A finished run over four pairs: one truth without a translation, one pair without a prediction."""
    root, cameras = pairs_folder(4)
    truth = {
        idx: {"img1": camera_entry(pair[0]), "img2": camera_entry(pair[1])}
        for idx, pair in enumerate(cameras)
    }
    truth[2] = {photo: {k: v for k, v in entry.items() if k[0] == "q"} for photo, entry in truth[2].items()}
    np.save(root / "gt.npy", np.array(truth, dtype=object), allow_pickle=True)
    rng = np.random.default_rng(1)
    guesses = {str(i): np.linalg.inv(pair) for i, pair in enumerate(cameras) if i != 3}
    for guess in guesses.values():
        guess[:, :3, 3] += rng.normal(size=(2, 3))
    np.save(tmp_path / "p.npy", np.array(guesses, dtype=object), allow_pickle=True)
    config = Config(
        task="score",
        data=PairsConfig(root=str(root)),
        metrics=MetricsConfig(bootstrap=50, failures="penalize"),
        score=ScoreConfig(str(tmp_path / "p.npy")),
        wandb=WandbConfig("disabled"),
        report=ReportConfig(auto=False),
    )
    run_job(config, tmp_path / "run", Console(quiet=True))
    return tmp_path / "run"


def test_a_score_names_no_model_that_did_not_run(scored: Path) -> None:
    (listed,) = find_runs([scored])
    assert listed.run.option("model.name") is not None
    assert [listed.value(key) for key in ("task", "model", "input", "data")] == ["score", None, None, "pairs"]


def test_the_jobs_of_a_sweep_may_lie_at_any_depth(scored: Path, tmp_path: Path) -> None:
    """As hydra.sweep.subdir='sfm/${hydra.job.num}' puts them, or a path among the overrides."""
    folders = ["sfm/10", "sfm/2", "3", "data.root=/a/b/c,model=sfm"]
    for folder in folders:
        shutil.copytree(scored, tmp_path / "sweep" / folder)
    write_json(tmp_path / "sweep" / "sweep.json", {"n_jobs": 4})
    found = load_runs(tmp_path / "sweep").runs
    assert [run.name for run in found] == ["job 3", "data.root=/a/b/c,model=sfm", "sfm/2", "sfm/10"]
    assert [job.name for job in compare(found).jobs] == ["3", "data.root=/a/b/c,model=sfm", "sfm/2", "sfm/10"]
    assert write_comparison(tmp_path / "sweep")[1]


def test_a_strangers_configuration_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    (tmp_path / "config.yaml").write_text("task: pose\nname: ${oc.env:SECRET}\n")
    assert load_run(tmp_path, "theirs").config["name"] == "${oc.env:SECRET}"


def test_one_truth_without_translation_costs_a_killed_run_no_metric(scored: Path) -> None:
    (finished,) = load_runs(scored).runs
    write_json(scored / "config.yaml", finished.config)
    (scored / "results.json").unlink()
    (killed,) = load_runs(scored).runs
    assert killed.partial and finished.pose is not None and killed.pose is not None
    assert finished.pose.summary.metrics["MTE"].value is not None
    assert killed.pose.summary == finished.pose.summary
