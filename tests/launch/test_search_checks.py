"""What a search cannot use is refused before its first trial; a trial without a value is a failed one."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from omegaconf import OmegaConf

from hw4.core.errors import UserError
from hw4.launch.objective import objective_value
from hw4.launch.search import install_search
from tests.support.cli import refused

AIM = ("hydra/sweeper=optuna", "hydra.sweeper.direction=maximize", "model=sfm", "task=pose")
DRAWN = "model.max_ratio=interval(0.7,0.9)"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["objective=psnr", DRAWN], "objective=psnr: task=pose does not compute PSNR, task=splat does"),
        (["objective=neg_mre", "task=splat", "splat.lr=1,2"], "task=splat does not compute MRE"),
        (["objective=rra@15", DRAWN], "metrics.protocol=relative has no RRA@15, vggt does"),
        (["objective=neg_ate", DRAWN], "data=sample has pairs, and ATE is of samples of N views"),
        (["objective=psnr", "task=splat", "data=pairs", "data.root=x", DRAWN], "data=pairs has no scene"),
        (["objective=neg_mre", DRAWN, "hydra.sweeper.n_trials=0"], "n_trials=0 is impossible"),
        (["objective=neg_mre", DRAWN, "hydra.sweeper.n_jobs=0"], "n_jobs=0 is impossible"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0", DRAWN], "hydra.launcher.n_jobs=0 runs nothing"),
        (["objective=neg_mre", "model.max_ratio=interval(0.9,0.7)"], "write interval(0.7, 0.9)"),
        (["objective=neg_mre", "model.min_inliers=range(9,3)"], "gives no value"),
    ],
)
def test_what_no_trial_could_give_is_refused(overrides: list[str], words: str) -> None:
    assert words in refused(*AIM, *overrides, multirun=True)


def test_an_objective_that_one_of_several_tasks_gives_is_taken() -> None:
    taken = refused(
        *AIM[:3], "task=splat,pose", "objective=neg_mre", "model.min_inliers=range(9,3)", multirun=True
    )
    assert "gives no value" in taken, "the only complaint"


class Launcher:
    """Returns the values in turn, as Hydra's launchers do."""

    def __init__(self, values: list[float | None]) -> None:
        self.values = values

    def launch(self, overrides: list[tuple[str, ...]], initial_job_idx: int) -> list[SimpleNamespace]:
        chosen = self.values[initial_job_idx : initial_job_idx + len(overrides)]
        return [SimpleNamespace(return_value=value) for value in chosen]


def search(folder: Path, values: list[float | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A search whose trials end in these values."""
    import optuna
    from hydra_plugins.hydra_optuna_sweeper import _impl

    # Undone after the test: it is for a process with one search.
    monkeypatch.setattr(_impl, "OptunaSweeperImpl", _impl.OptunaSweeperImpl)
    install_search()
    storage = f"sqlite:///{folder / 'search.db'}"
    sampler = optuna.samplers.RandomSampler(seed=1)
    sweeper = _impl.OptunaSweeperImpl(
        sampler, "maximize", storage, "hw4", len(values), 1, 0.0, None, None, None
    )
    sweeper.config = OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}}})
    sweeper.hydra_context, sweeper.launcher = SimpleNamespace(), Launcher(values)
    sweeper.sweep([DRAWN])


def test_a_trial_without_a_value_is_a_failed_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = objective_value("neg_mre", tmp_path)
    search(tmp_path, [without, 3.0, 2.0], monkeypatch)
    assert yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())["best_value"] == 3.0


def test_a_search_without_any_value_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no trial of the search has a value"):
        search(tmp_path, [objective_value("neg_mre", tmp_path)] * 2, monkeypatch)
