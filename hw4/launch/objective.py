"""The number that a search over settings (``hydra/sweeper=optuna``) maximises."""

from pathlib import Path

from hw4.metrics import LOWER, objectives
from hw4.records.run import load_run


def objective_value(objective: str | None, folder: Path) -> float | None:
    """A finished job's value; larger is better.

    Args:
        objective: a metric by its `hw4.metrics.Metric.objective`, or None: there is none.
        folder: of the job.

    Returns:
        The value; None where the job has no such metric: a trial without a number is a failed one, where NaN
        would end the search.
    """
    if objective is None:
        return None
    row, run = objectives()[objective], load_run(folder, folder.name)
    value = None if run.partial else run.value(row)
    return -value if value is not None and row.better == LOWER else value
