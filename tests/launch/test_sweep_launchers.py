"""A sweep of processes side by side: a killed one goes on, and nothing is computed twice."""

from pathlib import Path

import pytest

from tests.support.sweeps import kill_all, lines, results, start, table, wait_for

pytestmark = pytest.mark.slow

TWO_AT_ONCE = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
FOUR_JOBS = ["model.min_inliers=14,15", "input=pair,interpolated", "report.auto=false"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert start(FOUR_JOBS, folder).wait() == 0, (folder / "log.txt").read_text()
    return table(folder)


def test_a_killed_sweep_goes_on(uninterrupted: list[object], tmp_path: Path) -> None:
    overrides = [*FOUR_JOBS, *TWO_AT_ONCE]
    process = start(overrides, tmp_path)
    wait_for(process, tmp_path, lambda: bool(results(tmp_path)))
    kill_all(process)
    computed = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    finished = results(tmp_path)
    # One job at least is over, and one at least has samples to go.
    assert 1 <= len(finished) < 4 and 2 <= len(computed) < 8
    assert not (tmp_path / "sweep" / "comparison.json").exists()

    assert start(overrides, tmp_path).wait() == 0, (tmp_path / "log.txt").read_text()

    assert table(tmp_path) == uninterrupted
    # What was computed before the kill still stands there as it was, and each sample stands there once.
    after = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    assert len(after) == 8 and set(computed) <= set(after)
    assert results(tmp_path) | finished == results(tmp_path), "finished jobs were left alone"
