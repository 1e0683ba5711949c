"""The samples that two runs share, and how each metric changes over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw4.pose.metrics import ACC_THRESHOLDS, AUC_THRESHOLDS, FAILURE_ERROR_DEG, accuracy, auc
from hw4.records.runs import NO_DIRECTION, Run, headline_deg, penalized
from hw4.report.statistics.paired import Delta, paired_bootstrap

Sample = dict[str, Any]
Pairs = Sequence[tuple[Sample, Sample]]
# Two records are of one sample if their true relative rotations agree to this (degrees).
SAME_TRUTH_DEG = 1e-3
LARGER_MEAN = "mean of the larger error"
# What is tested under each metrics mode: one error, and its mean over samples.
ERRORS = {
    "R": "rotation errors",
    "T": "translation errors",
    "both": "errors (the larger of rotation and translation)",
}
MEANS = {"R": "mean rotation error", "T": "mean translation error", "both": LARGER_MEAN}
NOT_BOTH = "no sample has it in both runs"


@dataclass
class Changes:
    """Changes of all metrics: metric -> change, the number of samples behind it, or why there is none."""

    names: list[str] = field(default_factory=list)
    deltas: dict[str, Delta] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def matched(a: Run, b: Run) -> list[tuple[Sample, Sample]]:
    """Records of the samples that both runs have: same number, photos and true rotation."""

    def key(sample: Sample) -> tuple[Any, ...]:
        return (sample["idx"], Path(sample["img1"]).name, Path(sample["img2"]).name)

    second = {key(s): s for s in (b.pose or {}).get("samples", [])}
    pairs = []
    for sample in (a.pose or {}).get("samples", []):
        other = second.get(key(sample))
        if other is None:
            continue
        angles = sample.get("true_angle_deg"), other.get("true_angle_deg")
        if None in angles or abs(angles[0] - angles[1]) < SAME_TRUTH_DEG:
            pairs.append((sample, other))
    return pairs


def with_direction(pairs: Pairs) -> list[tuple[Sample, Sample]]:
    """Those whose ground truth has a translation direction: without one, no translation is wrong.

    A sample that failed in both runs does not tell; it is kept unless no record at all has a direction.
    """

    def undirected(pair: tuple[Sample, Sample]) -> bool:
        return NO_DIRECTION in (pair[0].get("reason"), pair[1].get("reason"))

    told = any(s.get("translation_error_deg") is not None for pair in pairs for s in pair)
    if not told and any(map(undirected, pairs)):
        return []
    return [pair for pair in pairs if not undirected(pair)]


def metric_changes(
    pairs: Pairs, mode: str, worst_translation_deg: float | None, draws: int, seed: int
) -> Changes:
    """Every metric's change from the first to the second record of each pair.

    Args:
        pairs: records of the same samples; under mode ``T`` and ``both``, those of `with_direction`.
        mode: ``R``, ``T`` or ``both``, which decides the error that ``Acc`` and ``AUC`` count.
        worst_translation_deg: what a sample without a result counts as in translation (in rotation: 180
            degrees); None: it needs a result in both runs.
        draws: bootstrap resamples, `seed` theirs.
    """
    changes = Changes()
    directed = with_direction(pairs)

    def columns(name: str) -> tuple[np.ndarray, np.ndarray]:
        def value(sample: Sample) -> float | None:
            return headline_deg(sample, mode) if name == "headline" else sample[name]

        of = directed if name == "translation_error_deg" else pairs
        both = [(value(x), value(y)) for x, y in of]
        if worst_translation_deg is not None:
            of_translation = name == "translation_error_deg" or (name == "headline" and mode == "T")
            worst = worst_translation_deg if of_translation else FAILURE_ERROR_DEG
            both = [(penalized(x, worst), penalized(y, worst)) for x, y in both]
        known = [(x, y) for x, y in both if x is not None and y is not None]
        return np.array([x for x, _ in known], dtype=float), np.array([y for _, y in known], dtype=float)

    def put(label: str, column: str, statistic: Any) -> None:
        a, b = columns(column)
        changes.names.append(label)
        if len(a):
            changes.deltas[label] = paired_bootstrap(a, b, statistic, draws, seed)
            changes.counts[label] = len(a)
        else:
            aimless = column == "translation_error_deg" and pairs and not directed
            changes.missing[label] = NO_DIRECTION if aimless else NOT_BOTH

    put("MRE", "rotation_error_deg", lambda e: e.mean(axis=-1))
    put("median rotation error", "rotation_error_deg", lambda e: np.median(e, axis=-1))
    put("MTE", "translation_error_deg", lambda e: e.mean(axis=-1))
    if mode == "both":
        put(LARGER_MEAN, "headline", lambda e: e.mean(axis=-1))
    for threshold in ACC_THRESHOLDS:
        put(f"Acc@{threshold}", "headline", lambda e, t=threshold: accuracy(e, t))
    for threshold in sorted(AUC_THRESHOLDS, reverse=True):
        put(f"AUC@{threshold}", "headline", lambda e, t=threshold: auc(e, t))
    return changes
