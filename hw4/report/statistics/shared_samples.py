"""The samples that two runs share, and how each metric changes over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hw4.metrics import LARGER, MEAN_LARGER, ROTATION, TRANSLATION, pose_metrics
from hw4.pose.metrics import NO_DIRECTION, error_of, worst_deg
from hw4.pose.results import SampleResult
from hw4.records.run import Run
from hw4.report.statistics.paired import Delta, paired_bootstrap

Pairs = Sequence[tuple[SampleResult, SampleResult]]
# Two records are of one sample if their true relative rotations agree to this (degrees).
SAME_TRUTH_DEG = 1e-3
# What is tested under each metrics mode: one error, and its mean over samples.
ERRORS = {
    ROTATION: "rotation errors",
    TRANSLATION: "translation errors",
    LARGER: "errors (the larger of rotation and translation)",
}
MEANS = {
    ROTATION: "mean rotation error",
    TRANSLATION: "mean translation error",
    LARGER: MEAN_LARGER.name,
}
NOT_BOTH = "no sample has it in both runs"


@dataclass
class Changes:
    """Changes of all metrics: metric -> change, the number of samples behind it, or why there is none."""

    names: list[str] = field(default_factory=list)
    deltas: dict[str, Delta] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def sample_key(one: SampleResult) -> tuple[Any, ...]:
    """What two records of one sample have in common: number and photos."""
    return (one.sample.idx, one.sample.image_paths[0].name, one.sample.image_paths[-1].name)


def matched(a: Run, b: Run) -> list[tuple[SampleResult, SampleResult]]:
    """Records of the samples that both runs have: same number, photos and true rotation."""

    second = {sample_key(one): one for one in (b.pose.samples if b.pose else ())}
    pairs = []
    for one in a.pose.samples if a.pose else ():
        other = second.get(sample_key(one))
        if other is None:
            continue
        angle, other_angle = one.true_angle_deg, other.true_angle_deg
        if angle is None or other_angle is None or abs(angle - other_angle) < SAME_TRUTH_DEG:
            pairs.append((one, other))
    return pairs


def with_direction(pairs: Pairs) -> list[tuple[SampleResult, SampleResult]]:
    """Those whose ground truth has a translation direction: without one, no translation is wrong.

    A sample of which neither record tells is kept unless no record at all has a direction.
    """

    def told(pair: tuple[SampleResult, SampleResult]) -> set[bool | None]:
        return {one.error.has_true_direction for one in pair}

    every = {direction for pair in pairs for direction in told(pair)}
    if True not in every and False in every:
        return []
    return [pair for pair in pairs if False not in told(pair)]


def paired_errors(pairs: Pairs, mode: str, worst: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Both runs' errors in degrees under a mode, (n,) each, of the samples that have one in both.

    With `worst`, a sample without a result has that error and none is left out.
    """
    both = [(error_of(x.error, mode), error_of(y.error, mode)) for x, y in pairs]
    if worst is not None:
        both = [(worst if x is None else x, worst if y is None else y) for x, y in both]
    known = [(x, y) for x, y in both if x is not None and y is not None]
    first, second = (np.array([pair[i] for pair in known], dtype=float) for i in (0, 1))
    return first, second


def metric_changes(
    pairs: Pairs, mode: str, folded: bool | None, draws: int, seed: int, protocol: str | None = None
) -> Changes:
    """Every metric's change from the first to the second record of each pair.

    Args:
        pairs: records of the same samples; under mode ``T`` and ``both``, those of `with_direction`.
        mode: ``R``, ``T`` or ``both``: the error of metrics that leave it to the configuration.
        folded: where a sample without a result counts as the worst one, whether translations are folded;
            None: it needs a result in both runs.
        draws: bootstrap resamples, `seed` theirs.
        protocol: whose metrics; None: all there are.
    """
    changes = Changes()
    directed = with_direction(pairs)
    for row in pose_metrics(protocol):
        if row.only_mode not in (None, mode):
            continue
        of = row.mode(mode)
        worst = None if folded is None else worst_deg(of, folded)
        a, b = paired_errors(pairs if of == ROTATION else directed, of, worst)
        changes.names.append(row.name)
        if len(a):
            changes.deltas[row.name] = paired_bootstrap(a, b, row.statistic, draws, seed)
            changes.counts[row.name] = len(a)
        else:
            aimless = of != ROTATION and pairs and not directed
            changes.missing[row.name] = NO_DIRECTION if aimless else NOT_BOTH
    return changes
