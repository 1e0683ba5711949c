"""Which setting is best, by how much, and how sure that is: all settings on the samples that they share."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hw4.metrics import HIGHER, splat_headline
from hw4.pose.metrics import error_of, worst_deg
from hw4.pose.resampling import cluster_codes, resample, t_interval
from hw4.pose.results import PoseResult, SampleResult
from hw4.pose.scoring import clusters_of
from hw4.records.run import Run
from hw4.report.splat_results import splat_labels, values_read
from hw4.report.statistics.pairing import is_oracle
from hw4.report.statistics.shared_samples import sample_key

DRAWS = 2000
# Of fewer groups of samples, resamples repeat each other too often to say how sure anything is.
FEWEST_DRAWN = 5
# Means nearer than this are equal.
TIE = 1e-9


Settings = Sequence[tuple[str, Sequence[Run]]]


@dataclass(frozen=True)
class Scores:
    """What is compared: each setting's value of every sample or view that all settings have.

    Attributes:
        settings: label and runs (replicates).
        also: for each setting all runs that came to these very results, its own among them.
        matrix: (settings, samples or views), the mean over replicates; failures as `worst`.
        clusters: (samples or views,) numbers of what is independent of each other, such as scenes.
        replicates: the mean of each run of each setting, over the same.
        failed: for each setting the number of failures among them.
        worst: what a failure counts as, None where nothing failed; `bound` the largest value there can be.
        lowest: whether lower is better.
    """

    settings: Settings
    also: Sequence[Sequence[Run]]
    matrix: np.ndarray
    clusters: np.ndarray
    replicates: Sequence[Sequence[float]]
    failed: Sequence[int]
    worst: float | None
    bound: float | None
    lowest: bool


@dataclass(frozen=True)
class Entry:
    """One setting: its runs (replicates), the mean over the shared samples, and its 95 % interval.

    `share` is how often it is the best one when the samples are drawn anew; None for a bound, which is not
    ranked. `also` are all runs that came to these very results, the entry's own among them.
    """

    label: str
    runs: Sequence[Run]
    mean: float
    low: float | None
    high: float | None
    share: float | None
    n_failed: int = 0
    also: Sequence[Run] = ()

    @property
    def first(self) -> Run:
        """The run that stands for the setting."""
        return self.runs[0]


@dataclass(frozen=True)
class Ranking:
    """Settings in their own order; `order` indexes into them, the best first, without bounds.

    `n` counts the shared samples or views, `worst` is what a failure counts as (None: nothing failed).
    """

    entries: Sequence[Entry]
    n: int
    order: Sequence[int]
    worst: float | None = None

    @property
    def best(self) -> int | None:
        """The best setting, bounds apart."""
        return self.order[0] if self.order else None

    @property
    def tied(self) -> list[int]:
        """The best one and those that equal it."""
        if self.best is None:
            return []
        mean = self.entries[self.best].mean
        return [i for i in self.order if abs(self.entries[i].mean - mean) < TIE]

    @property
    def tells(self) -> bool:
        """Whether any setting is better than another."""
        return len(self.tied) < len(self.order)

    @property
    def second(self) -> int | None:
        """The next one."""
        return self.order[1] if len(self.order) > 1 else None


def pose_scores(settings: Settings) -> Scores | None:
    """Errors of the summaries' mode, failures as the worst error; None where nothing is shared.

    Settings that were scored by different rules are not compared: their errors are no one quantity.
    """
    finished = [
        (label, [run for run in runs if run.pose is not None and not run.partial]) for label, runs in settings
    ]
    finished = [(label, runs) for label, runs in finished if runs]
    poses = [run.pose for _, runs in finished for run in runs if run.pose]
    if not poses or len({_rules(pose) for pose in poses}) > 1:
        return None
    summary = poses[0].summary
    mode, worst = summary.mode, worst_deg(summary.mode, summary.fold_translation)

    def values(run: Run) -> dict[Any, float | None]:
        assert run.pose is not None
        return {sample_key(one): error_of(one.error, mode) for one in run.pose.samples if _counts(one, mode)}

    groups = zip(poses[0].samples, clusters_of(poses[0].samples), strict=True)
    clusters = {sample_key(one): cluster for one, cluster in groups}
    return _scores(finished, [runs for _, runs in finished], values, worst, True, clusters)


def splat_scores(settings: Settings) -> Scores | None:
    """The headline metric of the test views that all settings have; None where there are none.

    Settings that came to the very same results, because they differ in nothing that splatting reads, are one.
    """
    metric = splat_headline()
    every = [(label, [run for run in runs if run.splat and run.splat.views]) for label, runs in settings]
    scored = [(label, runs) for label, runs in every if runs]
    groups: dict[str, list[tuple[str, Sequence[Run]]]] = {}
    for (label, runs), read in zip(scored, values_read([runs[0] for _, runs in scored]), strict=True):
        views = [[view.to_json() for view in run.splat.views] for run in runs if run.splat]
        groups.setdefault(json.dumps([read, views]), []).append((label, runs))
    firsts = [group[0][1] for group in groups.values()]
    joined = [" = ".join(label for label, _ in group) for group in groups.values()]
    named = list(zip(splat_labels([runs[0] for runs in firsts], joined), firsts, strict=True))
    also = [[run for _, runs in group for run in runs] for group in groups.values()]

    def values(run: Run) -> dict[Any, float | None]:
        views = run.splat.views if run.splat else []
        return {view.name: score for view in views if (score := view.scores.get(metric.name)) is not None}

    return _scores(named, also, values, None, lowest=metric.better != HIGHER)


def _rules(pose: PoseResult) -> tuple[object, ...]:
    return pose.summary.protocol, pose.summary.mode, pose.summary.fold_translation


def _counts(one: SampleResult, mode: str) -> bool:
    """Whether the sample can have an error of the mode: without a true direction no translation is wrong."""
    return mode == "R" or one.error.has_true_direction is not False


def _scores(
    settings: Settings,
    also: Sequence[Sequence[Run]],
    values: Callable[[Run], dict[Any, float | None]],
    worst: float | None,
    lowest: bool,
    clusters: Mapping[Any, Hashable] | None = None,
) -> Scores | None:
    every = [[values(run) for run in runs] for _, runs in settings]
    flat = [own for runs in every for own in runs]
    shared = [key for key in flat[0] if all(key in own for own in flat)] if flat else []
    if not shared:
        return None
    failed = [sum(own[key] is None for own in runs for key in shared) for runs in every]

    def filled(value: float | None) -> float:
        return float("nan" if worst is None else worst) if value is None else value

    codes = cluster_codes(shared if clusters is None else [clusters[key] for key in shared])
    tables = [np.array([[filled(own[key]) for key in shared] for own in runs]) for runs in every]
    matrix = np.stack([table.mean(axis=0) for table in tables])
    replicates = [table.mean(axis=1).tolist() for table in tables]
    counted = worst if any(failed) else None
    return Scores(settings, also, matrix, codes, replicates, failed, counted, worst, lowest)


def rank(scores: Scores | None, seed: int = 0) -> Ranking | None:
    """Settings by their means; bounds, which pick by the ground truth, are not ranked."""
    if scores is None:
        return None
    matrix, n = scores.matrix, scores.matrix.shape[1]
    sign = 1.0 if scores.lowest else -1.0
    methods = [i for i, (_, runs) in enumerate(scores.settings) if not any(map(is_oracle, runs))]
    means = matrix.mean(axis=1)
    drawn = None
    n_clusters = int(scores.clusters.max()) + 1
    if n_clusters >= FEWEST_DRAWN:
        drawn = resample([*matrix], lambda values: values.mean(axis=-1), scores.clusters, DRAWS, seed)
    order = sorted(methods, key=lambda i: sign * means[i])
    shares: dict[int, float] = {}
    if drawn is not None and methods:
        winners = np.argmin(sign * drawn[methods], axis=0)
        shares = {i: float(np.mean(winners == at)) for at, i in enumerate(methods)}
    entries = []
    for i, (label, runs) in enumerate(scores.settings):
        low, high = None, None
        if drawn is not None:
            bounds = None if scores.bound is None else (0.0, scores.bound)
            low, high = t_interval(float(means[i]), drawn[i], n_clusters, bounds)
        share, failed = shares.get(i), scores.failed[i]
        entries.append(Entry(label, runs, float(means[i]), low, high, share, failed, scores.also[i]))
    return Ranking(entries, n, order, scores.worst)
