"""The number that a search over settings (``hydra/sweeper=optuna``) maximises."""

import math
from pathlib import Path

from hw4.metrics import LOWER, objectives
from hw4.records.run import load_run


def objective_value(objective: str | None, folder: Path) -> float | None:
    """A finished job's value; larger is better.

    Args:
        objective: a metric by its `hw4.metrics.Metric.objective`, or None: there is none.
        folder: of the job.

    Returns:
        The value; NaN where the job has no such metric, which a sweeper counts as a failed trial.
    """
    if objective is None:
        return None
    row, run = objectives()[objective], load_run(folder, folder.name)
    value = None if run.partial else run.value(row)
    if value is None:
        return math.nan
    return -value if row.better == LOWER else value
