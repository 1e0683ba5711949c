"""The number that a search over settings (``hydra/sweeper=optuna``) maximises."""

import math
from typing import Any

from hw4.config.root import NEG_MRE, PSNR


def objective_value(objective: str | None, results: dict[str, Any]) -> float | None:
    """A finished job's value; larger is better.

    Args:
        objective: ``psnr`` (dB, test views), ``neg_mre`` (degrees, negated), or None: there is none.
        results: content of the job's ``results.json``.

    Returns:
        The value; NaN where the job has no such metric, which a sweeper counts as a failed trial.
    """
    if objective is None:
        return None
    if objective == PSNR:
        value = (results.get("splat") or {}).get("psnr")
    else:
        assert objective == NEG_MRE
        mre = ((results.get("pose") or {}).get("metrics", {}).get("MRE") or {}).get("value")
        value = None if mre is None else -mre
    return math.nan if value is None else float(value)
