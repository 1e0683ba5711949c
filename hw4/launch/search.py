"""``hydra/sweeper=optuna`` that goes on where it was interrupted: one study in the sweep's folder."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from hw4.core.errors import UserError, brief
from hw4.launch.quoting import quoted

STUDY_FILE = "search.db"


def is_search(sweeper: DictConfig) -> bool:
    """Whether a composed ``hydra.sweeper`` is Optuna's."""
    return "optuna" in str(sweeper._target_)


def search_overrides(sweeper: DictConfig, sweep_dir: Path) -> list[str]:
    """What makes a search durable: its storage, name, seed, and the number of trials that are left.

    Trials that were killed are queued again, with the values that they had; their folders hold what they
    had finished.

    Args:
        sweeper: the composed ``hydra.sweeper``.
        sweep_dir: the sweep's folder, in which trial n has the folder n.

    Returns:
        Overrides of ``hydra.sweeper``; a storage, name or seed that the user chose stays.

    Raises:
        UserError: the storage cannot be opened, a grid is asked for, or the folder holds another sweep.
    """
    if "Grid" in str(sweeper.sampler._target_):
        raise UserError("a grid needs no search: drop hydra/sweeper and give the values (-m key=1,2,3).")
    _refuse_new_sqlalchemy()
    storage = str(sweeper.storage or f"sqlite:///{(sweep_dir / STUDY_FILE).resolve()}")
    # In the folder's own file one name will do, also after the folder was moved.
    name = str(sweeper.study_name or ("hw4" if sweeper.storage is None else sweep_dir.resolve()))
    study = _open_study(storage, name)
    finished = 0 if study is None else _requeue(study)
    if study is None and any(path.name.isdigit() for path in sweep_dir.glob("*/")):
        raise UserError(
            f"{sweep_dir} holds jobs of another sweep, which a search would overwrite; "
            "give another hydra.sweep.dir=..."
        )
    chosen = {
        "storage": quoted(storage),
        "study_name": quoted(name),
        "n_trials": max(0, sweeper.n_trials - finished),
    }
    if "seed" in sweeper.sampler:
        # The same seed would draw the first trials again.
        chosen["sampler.seed"] = (sweeper.sampler.seed or 0) + finished
    return [f"hydra.sweeper.{key}={value}" for key, value in chosen.items()]


def _refuse_new_sqlalchemy() -> None:
    import sqlalchemy

    # Optuna 2, which is the plugin's, fails an assertion of its own with SQLAlchemy 2.
    if int(sqlalchemy.__version__.split(".")[0]) >= 2:
        raise UserError(
            f"hydra/sweeper=optuna needs SQLAlchemy 1.4, and {sqlalchemy.__version__} is installed: "
            "pip install 'sqlalchemy<2' (make setup does)."
        )


def _open_study(storage: str, name: str) -> Any:
    """The study of that name, or None where there is none yet."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        opened = optuna.storages.RDBStorage(storage)
        if name not in {summary.study_name for summary in optuna.get_all_study_summaries(opened)}:
            return None
        return optuna.load_study(study_name=name, storage=opened)
    except (SQLAlchemyError, ValueError, ImportError, RuntimeError) as error:
        raise UserError(f"hydra.sweeper.storage={storage} cannot be opened: {brief(error)}") from error


def _requeue(study: Any) -> int:
    """Queue unfinished trials again; returns how many are finished."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            study._storage.set_trial_state(trial._trial_id, TrialState.WAITING)
    return sum(trial.state.is_finished() for trial in trials)


def install_search() -> None:
    """Make the sweeper give trial n the folder n, also after an interruption, and refuse another search."""
    from hydra_plugins.hydra_optuna_sweeper import _impl

    class Resuming(_impl.OptunaSweeperImpl):
        def sweep(self, arguments: list[str]) -> None:
            study = _open_study(str(self.storage), str(self.study_name))
            trials = [] if study is None else study.get_trials(deepcopy=False)
            if trials:
                asked = [*self._parse_sweeper_params_config(), *arguments]
                _refuse_another(trials[0], *_impl.create_params_from_overrides(asked))
            # Trials are told in order: those that are finished are the first ones.
            self.job_idx = sum(trial.state.is_finished() for trial in trials)
            try:
                super().sweep(arguments)
            except ValueError as error:
                if _has_value(_open_study(str(self.storage), str(self.study_name))):
                    raise
                raise UserError(
                    "no trial of the search has a value of its objective; each results.json says why."
                ) from error

    # The plugin counts folders from 0 in every process, and Hydra takes sweepers from its own packages only.
    _impl.OptunaSweeperImpl = Resuming  # type: ignore[misc]


def _has_value(study: Any) -> bool:
    return study is None or any(trial.value is not None for trial in study.get_trials(deepcopy=False))


def _refuse_another(trial: Any, distributions: dict[str, Any], fixed: dict[str, Any]) -> None:
    """Refuse to go on with a search over other values or with other settings."""
    before = {**trial.distributions, **trial.user_attrs}
    now = {**distributions, **fixed}
    changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if changed:
        raise UserError(
            f"the search in this folder had another {', '.join(changed)}; give the same command, or another "
            "hydra.sweep.dir=..."
        )
