"""``summary.txt``: the evaluation summary of the homework's report, as plain text."""

import numpy as np

from hw4.metrics import (
    ACC_THRESHOLDS,
    AREAS,
    LARGER,
    MEAN_ROTATION,
    MEAN_TRANSLATION,
    ROTATION,
    TRANSLATION,
    accuracy,
)
from hw4.pose.metrics import usable_errors
from hw4.pose.results import PoseResult

NAMES = {ROTATION: "rotation", TRANSLATION: "translation"}
MEANS = {ROTATION: MEAN_ROTATION, TRANSLATION: MEAN_TRANSLATION}


def homework_summary(result: PoseResult) -> str:
    """Counts, means, Acc and AUC of a result by the homework's protocol, ending with a newline.

    Under mode ``both``, Acc is of rotation and translation separately, and AUC of the larger of the two.
    """
    summary = result.summary
    parts = (ROTATION, TRANSLATION) if summary.mode == LARGER else (summary.mode,)
    lines = [
        f"Evaluation Summary (Mode: {summary.mode})",
        f"  Total samples:   {summary.n_total}",
        f"  Valid samples:   {summary.n_valid}",
        f"  Failed samples:  {summary.n_failed}",
    ]
    for part in parts:
        errors = _errors(result, part)
        mean = f"{errors.mean():.3f} deg" if len(errors) else "none"
        lines.append(f"  Mean {NAMES[part]} error ({MEANS[part].name}): {mean}")
    for part in parts:
        errors = _errors(result, part)
        for limit in ACC_THRESHOLDS:
            share = f"{100 * float(accuracy(errors, limit)):.2f} %" if len(errors) else "none"
            within = int((errors < limit).sum())
            lines.append(f"  Acc ({NAMES[part]}) < {limit:>2} deg: {share} ({within} of {len(errors)})")
    errors = _errors(result, summary.mode)
    for row in AREAS:
        area = f"{float(row.statistic(errors)):.4f}" if len(errors) else "none"
        lines.append(f"  {row.name:<6}: {area}")
    return "\n".join(lines) + "\n"


def _errors(result: PoseResult, mode: str) -> np.ndarray:
    summary = result.summary
    every = [sample.error for sample in result.samples]
    return usable_errors(every, mode, summary.failures, summary.fold_translation)
