"""Paired statistics: two runs on the same samples, and what their difference supports.

Errors are compared sample by sample, so that what makes a sample hard for both runs cancels out. Samples of
one cluster (they share a scene or a picture, or are one sample under several seeds) count as one in every
test: their mean difference, or the balance of their successes, stands for them. Sources: Wilcoxon (1945) for
the signed-rank test, McNemar (1947) in its exact form for success counts, `hw4.pose.resampling` for the
intervals, Holm (1979) for several comparisons at once.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hw4.pose.resampling import cluster_codes, resample, t_interval

# Differences smaller than this (degrees) are equal errors, not a winner by rounding.
TIE_DEG = 1e-9
NO_DIFFERENCE = "no sample differs between the two runs"


@dataclass(frozen=True)
class Delta:
    """A statistic under both runs and its change B - A with a 95 % interval; missing ends are None."""

    a: float
    b: float
    delta: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Significance:
    """A two-sided test: its p-value, or None with the reason why it could not be made.

    `smallest_p` is the least p-value that so many samples could have given: above the significance level,
    the test could not have found anything.
    """

    p: float | None
    n: int
    smallest_p: float | None = None
    effect: float | None = None
    reason: str | None = None


def paired_bootstrap(
    a: np.ndarray,
    b: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    draws: int,
    seed: int,
    clusters: np.ndarray | None = None,
) -> Delta:
    """Change of a statistic from A to B with its 95 % interval, see `hw4.pose.resampling`.

    Args:
        a: (n,) values of run A, degrees for pose errors.
        b: (n,) values of run B on the same samples, in the same order.
        statistic: reduces the last axis.
        draws: bootstrap resamples; each draws whole clusters, so both runs lose and repeat the same ones.
        seed: of the resampling.
        clusters: (n,) numbers of the samples' clusters, from 0; None: each sample is its own.

    Returns:
        the change; without interval where there are fewer than two clusters or draws is 0.

    Raises:
        ValueError: no samples, or arrays of different length.
    """
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"paired values need one common length of at least 1, got {a.shape} and {b.shape}")
    value_a, value_b = float(statistic(a)), float(statistic(b))
    codes = _codes(a, clusters)
    n = int(codes.max()) + 1
    if n < 2 or draws == 0:
        return Delta(value_a, value_b, value_b - value_a, None, None)
    of_a, of_b = resample([a, b], statistic, codes, draws, seed)
    return Delta(value_a, value_b, value_b - value_a, *t_interval(value_b - value_a, of_b - of_a, n))


def _codes(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    return np.arange(len(values)) if clusters is None else cluster_codes(clusters.tolist())


def _mean_by_cluster(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    if not len(values):
        return values
    codes = _codes(values, clusters)
    return np.bincount(codes, values) / np.bincount(codes)


def signed_rank(a: np.ndarray, b: np.ndarray, clusters: np.ndarray | None = None) -> Significance:
    """Wilcoxon's two-sided signed-rank test of (n,) paired values; equal pairs are dropped.

    `effect` is the matched-pairs rank-biserial correlation of B - A: -1 where B is lower in every pair.
    The p-value is exact up to 50 pairs without ties, else by permutation (up to 13 pairs) or normal
    approximation, as SciPy chooses. With `clusters` (n,), the mean difference of each is tested.
    """
    difference = _mean_by_cluster(b - a, clusters)
    difference = difference[np.abs(difference) > TIE_DEG]
    n = len(difference)
    if n == 0:
        return Significance(None, 0, reason=NO_DIFFERENCE)
    # Here, because it takes long to import and a report of one run does without.
    from scipy import stats

    ranks = stats.rankdata(np.abs(difference))
    effect = float((ranks * np.sign(difference)).sum() / ranks.sum())
    p = float(stats.wilcoxon(difference).pvalue)
    return Significance(min(1.0, p), n, 2.0 ** (1 - n), effect)


def sign_test(a: np.ndarray, b: np.ndarray, clusters: np.ndarray | None = None) -> Significance:
    """Exact two-sided sign test: is B lower than A in more or fewer than half of the unequal pairs?

    `effect` is the share of pairs in which B is higher minus that in which it is lower. With `clusters` (n,),
    the sign of each one's mean difference is tested.
    """
    return _signs(_mean_by_cluster(b - a, clusters), TIE_DEG, NO_DIFFERENCE)


def _signs(difference: np.ndarray, tie: float, none: str) -> Significance:
    higher, lower = int((difference > tie).sum()), int((difference < -tie).sum())
    n = higher + lower
    if n == 0:
        return Significance(None, 0, reason=none)
    from scipy import stats

    p = float(stats.binomtest(higher, n, 0.5).pvalue)
    return Significance(p, n, 2.0 ** (1 - n), (higher - lower) / n)


@dataclass(frozen=True)
class Success:
    """How many samples succeed under both, one or neither run, and McNemar's exact test of the difference."""

    both: int
    only_a: int
    only_b: int
    neither: int
    test: Significance


def mcnemar(success_a: np.ndarray, success_b: np.ndarray, clusters: np.ndarray | None = None) -> Success:
    """Exact McNemar test of (n,) booleans: only samples on which the runs disagree carry information.

    With `clusters` (n,), it is the sign test of each one's balance of successes, which is the same where
    every cluster is one sample; the counts are of samples.
    """
    both, neither = int((success_a & success_b).sum()), int((~success_a & ~success_b).sum())
    only_a, only_b = int((success_a & ~success_b).sum()), int((~success_a & success_b).sum())
    balance = _mean_by_cluster(success_b.astype(float) - success_a.astype(float), clusters)
    none = "both runs succeed and fail on the same samples"
    if only_a + only_b:
        none = "neither run succeeds more often than the other in any group of samples"
    return Success(both, only_a, only_b, neither, _signs(balance, TIE_DEG, none))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted for being one of several (Holm's step-down); missing ones stay missing."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = largest
    return adjusted


BETTER, WORSE, NOT_SHOWN = "better", "worse", "not shown"


def decide(test: Significance, adjusted_p: float | None, alpha: float) -> str:
    """`BETTER`, `WORSE` (of B against A, where lower is better) or `NOT_SHOWN` at level alpha."""
    if adjusted_p is None or test.effect is None or adjusted_p >= alpha or math.isclose(test.effect, 0):
        return NOT_SHOWN
    return BETTER if test.effect < 0 else WORSE
