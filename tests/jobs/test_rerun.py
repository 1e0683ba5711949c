"""A run in the folder of an earlier one: what is there afterwards is this run's alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.cli import run_pose

pytestmark = pytest.mark.slow

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def test_a_failed_sweep_does_not_show_the_results_of_the_one_before(
    pairs_folder: MakePairs, tmp_path: Path
) -> None:
    root, _ = pairs_folder(2)
    sweep = ("-m", "metrics.mode=R,T", "hydra.sweep.dir=sweep")
    assert run_pose(tmp_path, root, *sweep).returncode == 0
    done = run_pose(tmp_path, tmp_path / "nowhere", *sweep)
    assert done.returncode == 1
    for job in "01":
        results = json.loads((tmp_path / "sweep" / job / "results.json").read_text())
        assert results["status"] == "failed" and "nowhere" in results["error"]
        assert results["config"]["data"]["root"].endswith("nowhere")
        left = {path.name for path in (tmp_path / "sweep" / job).iterdir()}
        assert not left & {"predictions.npy", "samples.csv", "samples.jsonl", "summary.md"}
    comparison = (tmp_path / "sweep" / "comparison.md").read_text()
    assert "all jobs failed: data.root" in comparison and "nowhere is not a folder" in comparison


def test_a_failed_run_does_not_show_the_results_of_the_one_before(
    pairs_folder: MakePairs, tmp_path: Path
) -> None:
    root, _ = pairs_folder(2)
    assert run_pose(tmp_path, root, "hydra.run.dir=out").returncode == 0
    assert run_pose(tmp_path, tmp_path / "nowhere", "hydra.run.dir=out").returncode == 1
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["status"] == "failed" and "pose" not in results
    # Hydra and this project say the same about what was run.
    assert f"root: {tmp_path}/nowhere" in (tmp_path / "out" / "config.yaml").read_text()


def test_an_incomplete_run_keeps_what_it_could_compute(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(2)
    assert run_pose(tmp_path, root, "hydra.run.dir=out").returncode == 0
    (root / "images" / "1_a.png").unlink()
    assert run_pose(tmp_path, root, "hydra.run.dir=out").returncode == 1
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["status"] == "incomplete" and results["pose"]["n_total"] == 2
