"""The samples that two runs share, and how each metric changes over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hw4.data.clusters import connected
from hw4.data.views.sample import SampleViews
from hw4.metrics import LARGER, MEAN_LARGER, ROTATION, TRANSLATION, pose_metrics, views_metrics
from hw4.pose.metrics import NO_DIRECTION, error_of, worst_deg
from hw4.pose.results import SampleResult
from hw4.pose.scoring import clusters_of
from hw4.records.run import Run
from hw4.report.statistics.paired import Delta, paired_bootstrap

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


class Pair(NamedTuple):
    """Two records of one sample.

    Pairs of the same `cluster` share a scene or a picture, or are one sample under several seeds.
    """

    a: SampleResult
    b: SampleResult
    cluster: int


@dataclass
class Changes:
    """Changes of all metrics: metric -> change, the number of samples behind it, or why there is none."""

    names: list[str] = field(default_factory=list)
    deltas: dict[str, Delta] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def matched(runs: Sequence[tuple[Run, Run]]) -> list[Pair]:
    """Records of the samples that both runs of each two have: same number, photos and true rotation."""
    found = [both for a, b in runs for both in _matched(a, b)]
    samples = {id(run): run.pose.samples if run.pose else [] for both in runs for run in both}
    labels = {
        id(one): label for own in samples.values() for one, label in zip(own, clusters_of(own), strict=True)
    }
    # Two versions of the program may have labelled the same samples.
    groups = connected([[("a", labels[id(x)]), ("b", labels[id(y)])] for x, y in found])
    return [Pair(x, y, group) for (x, y), group in zip(found, groups, strict=True)]


def sample_key(one: SampleResult) -> tuple[Any, ...]:
    """What two records of one sample have in common: number and photos."""
    if isinstance(one.sample, SampleViews):
        return (one.sample.idx, one.sample.scene, *one.sample.names)
    return (one.sample.idx, one.sample.image_paths[0].name, one.sample.image_paths[-1].name)


def _matched(a: Run, b: Run) -> list[tuple[SampleResult, SampleResult]]:
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


def with_direction(pairs: Sequence[Pair]) -> list[Pair]:
    """Those whose ground truth has a translation direction: without one, no translation is wrong.

    A sample of which neither record tells is kept unless no record at all has a direction.
    """

    def told(pair: Pair) -> set[bool | None]:
        return {one.error.has_true_direction for one in (pair.a, pair.b)}

    every = {direction for pair in pairs for direction in told(pair)}
    if True not in every and False in every:
        return []
    return [pair for pair in pairs if False not in told(pair)]


@dataclass(frozen=True)
class Errors:
    """Errors in degrees of two runs on the same samples, (n,) each, and (n,) numbers of their clusters."""

    a: np.ndarray
    b: np.ndarray
    clusters: np.ndarray


def paired_errors(pairs: Sequence[Pair], mode: str, worst: float | None = None) -> Errors:
    """Both runs' errors under a mode of the samples that have one in both.

    With `worst`, a sample without a result has that error and none is left out.
    """
    rows = [(error_of(p.a.error, mode), error_of(p.b.error, mode), p.cluster) for p in pairs]
    if worst is not None:
        rows = [(worst if x is None else x, worst if y is None else y, group) for x, y, group in rows]
    known = [(x, y, group) for x, y, group in rows if x is not None and y is not None]
    first, second = (np.array([row[i] for row in known], dtype=float) for i in (0, 1))
    return Errors(first, second, np.array([group for *_, group in known], dtype=int))


def metric_changes(
    pairs: Sequence[Pair], mode: str, folded: bool | None, draws: int, seed: int, protocol: str | None = None
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
        errors = paired_errors(pairs if of == ROTATION else directed, of, worst)
        changes.names.append(row.name)
        if len(errors.a):
            changes.deltas[row.name] = paired_bootstrap(
                errors.a, errors.b, row.statistic, draws, seed, errors.clusters
            )
            changes.counts[row.name] = len(errors.a)
        else:
            aimless = of != ROTATION and pairs and not directed
            changes.missing[row.name] = NO_DIRECTION if aimless else NOT_BOTH
    _add_views(changes, pairs, draws, seed)
    return changes


def _add_views(changes: Changes, pairs: Sequence[Pair], draws: int, seed: int) -> None:
    """The metrics of N views, where samples have them in both runs: their mean over samples."""
    for row in views_metrics():
        both = [p for p in pairs if row.name in p.a.scores and row.name in p.b.scores]
        if both:
            a, b = (np.array([getattr(p, side).scores[row.name] for p in both]) for side in "ab")
            groups = np.array([p.cluster for p in both])
            changes.names.append(row.name)
            changes.deltas[row.name] = paired_bootstrap(a, b, _mean, draws, seed, groups)
            changes.counts[row.name] = len(both)


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=-1)
