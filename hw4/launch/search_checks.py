"""What is refused of a search (``hydra/sweeper=optuna``) before its first trial."""

from collections.abc import Sequence
from pkgutil import resolve_name

from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig

from hw4.config import Config
from hw4.config.decides import provides
from hw4.config.stages import POSE, SCORE, SPLAT, selected_rows
from hw4.core.errors import ConfigError
from hw4.core.metric import MetricUnavailable
from hw4.metrics import Metric, PoseMetric, SplatMetric, ViewsMetric, headline_objectives, objectives


def check_search(sweeper: DictConfig, swept: Sequence[Override], jobs: Sequence[Config]) -> None:
    """Refuse a search that could find nothing.

    Args:
        sweeper: the composed ``hydra.sweeper``.
        swept: the overrides that it draws from.
        jobs: configurations of its trials, as far as they are known.

    Raises:
        ConfigError: no number of trials, a reversed interval, no aim, or one that no trial can reach.
    """
    for key in ("n_trials", "n_jobs"):
        if sweeper[key] < 1:
            raise ConfigError(f"hydra.sweeper.{key}={sweeper[key]} is impossible: it must be at least 1.")
    for override in swept:
        drawn = override.value()
        if isinstance(drawn, IntervalSweep) and not (drawn.start or 0) <= (drawn.end or 0):
            raise ConfigError(
                f"{override.input_line} begins above its end: write interval({drawn.end}, {drawn.start})."
            )
    objective = _aim(jobs[0].objective, str(sweeper.direction))
    reasons = [_why_without(objectives()[objective], job) for job in jobs]
    if all(reasons):
        raise ConfigError(f"no trial could have objective={objective}: {reasons[0]}.")


def _aim(objective: str | None, direction: str) -> str:
    # Every objective is better when larger; the plugin's own default is to minimise.
    if objective is None or not direction.endswith("maximize"):
        advice = " or ".join(f"objective={name}" for name in headline_objectives())
        raise ConfigError(
            f"hydra/sweeper=optuna has objective={objective or 'null'}, hydra.sweeper.direction={direction}; "
            f"add {advice}, and hydra.sweeper.direction=maximize."
        )
    return objective


def _why_without(row: Metric, config: Config) -> str | None:
    """Why a job cannot have a metric, or None where it may."""
    stages = (POSE, SCORE) if isinstance(row, PoseMetric | ViewsMetric) else (SPLAT,)
    chosen = [stage for stage in selected_rows(config) if stage.name in stages]
    if not chosen:
        return f"task={config.task} does not compute {row.label}, task={stages[0]} does"
    if not any(provides(config, stage.needs) for stage in chosen):
        return f"data={config.data.name} has no {chosen[0].needs} for task={chosen[0].name}"
    if isinstance(row, ViewsMetric) and not provides(config, "views"):
        return f"data={config.data.name} has pairs, and {row.label} is of samples of N views"
    if isinstance(row, PoseMetric) and row.protocols and config.metrics.protocol not in row.protocols:
        return f"metrics.protocol={config.metrics.protocol} has no {row.label}, {row.protocols[0]} does"
    if isinstance(row, SplatMetric) and row.check:
        try:
            resolve_name(row.check)(config.splat.eval)
        except MetricUnavailable as error:
            return str(error).rstrip(".")
    return None
