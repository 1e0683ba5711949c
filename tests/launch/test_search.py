"""hydra/sweeper=optuna: finds the best of its trials, goes on after a kill, and overwrites nothing."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.sweeps import kill_all, results, start, table, wait_for

pytestmark = pytest.mark.slow

SEARCH = ["hydra/sweeper=optuna", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_jobs=1"]
SEARCH += ["objective=neg_mre", "model.max_ratio=interval(0.7,0.9)", "report.auto=false"]


def drawn(folder: Path) -> list[float]:
    """The value of each trial, by its folder."""
    found = [json.loads((folder / "sweep" / str(n) / "results.json").read_text()) for n in range(3)]
    return [job["config"]["model"]["max_ratio"] for job in found]


def test_a_killed_search_goes_on_to_its_best(tmp_path: Path) -> None:
    search = [*SEARCH, "hydra.sweeper.n_trials=3"]
    process = start(search, tmp_path)
    wait_for(process, tmp_path, lambda: (tmp_path / "sweep" / "1" / "config.yaml").exists())
    kill_all(process)
    finished = results(tmp_path)
    assert [path.parent.name for path in finished] == ["0"]
    unfinished = yaml.safe_load((tmp_path / "sweep" / "1" / "config.yaml").read_text())["model"]["max_ratio"]

    assert start(search, tmp_path).wait() == 0, (tmp_path / "log.txt").read_text()
    assert results(tmp_path) | finished == results(tmp_path), "the finished trial was not repeated"
    values = drawn(tmp_path)
    assert len(set(values)) == 3 and values[1] == unfinished, "the killed trial, and then another"
    best = yaml.safe_load((tmp_path / "sweep" / "optimization_results.yaml").read_text())["best_value"]
    errors = [metrics["MRE"]["value"] for _, metrics, _ in table(tmp_path)]
    assert len(errors) == 3 and best == pytest.approx(-min(errors))

    whole = results(tmp_path)
    assert start([*search, "metrics.mode=T"], tmp_path).wait() == 1
    text = (tmp_path / "log.txt").read_text()
    assert "hw4: the search in this folder had another metrics.mode; give the same command" in text
    assert results(tmp_path) == whole and "Traceback" not in text


@pytest.mark.parametrize("aim", [[], ["objective=neg_mre"], ["hydra.sweeper.direction=maximize"]])
def test_a_search_without_an_aim_is_refused(aim: list[str], tmp_path: Path) -> None:
    search = ["hydra/sweeper=optuna", "model.max_ratio=interval(0.7,0.9)", *aim]
    assert start(search, tmp_path).wait() == 1
    text = (tmp_path / "log.txt").read_text()
    assert "add objective=psnr or objective=neg_mre" in text and "Traceback" not in text


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("hydra/sweeper/sampler=grid", "a grid needs no search"),
        ("hydra.sweeper.storage=nonsense://here", "hydra.sweeper.storage=nonsense://here cannot be opened"),
        ("hydra.sweeper.n_trials=1", "holds jobs of another sweep, which a search would overwrite"),
    ],
)
def test_what_a_search_cannot_use_is_one_sentence(option: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "sweep" / "0").mkdir(parents=True)
    assert start([*SEARCH, option], tmp_path).wait() == 1
    text = (tmp_path / "log.txt").read_text()
    assert words in text and "Traceback" not in text and text.count("hw4: ") == 1
