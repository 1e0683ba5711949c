"""Paired statistics: two runs on the same samples, and what their difference supports.

Errors are compared sample by sample, so that what makes a sample hard for both runs cancels out. Sources:
Wilcoxon (1945) for the signed-rank test, McNemar (1947) in its exact form for success counts, Efron and
Tibshirani (1993) for the paired percentile bootstrap, Holm (1979) for several comparisons at once.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

# Differences smaller than this (degrees) are equal errors, not a winner by rounding.
TIE_DEG = 1e-9


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
    a: np.ndarray, b: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], draws: int, seed: int
) -> Delta:
    """Change of a statistic from A to B with its 95 % percentile interval.

    Args:
        a: (n,) values of run A, degrees for pose errors.
        b: (n,) values of run B on the same samples, in the same order.
        statistic: reduces the last axis.
        draws: bootstrap resamples; each draws whole samples, so both runs lose and repeat the same ones.
        seed: of the resampling.

    Returns:
        the change; without interval where n < 2 or draws is 0.

    Raises:
        ValueError: no samples, or arrays of different length.
    """
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"paired values need one common length of at least 1, got {a.shape} and {b.shape}")
    value_a, value_b = float(statistic(a)), float(statistic(b))
    n = len(a)
    if n < 2 or draws == 0:
        return Delta(value_a, value_b, value_b - value_a, None, None)
    picks = np.random.default_rng(seed).integers(0, n, (draws, n))
    low, high = np.percentile(statistic(b[picks]) - statistic(a[picks]), [2.5, 97.5])
    return Delta(value_a, value_b, value_b - value_a, float(low), float(high))


def signed_rank(a: np.ndarray, b: np.ndarray) -> Significance:
    """Wilcoxon's two-sided signed-rank test of (n,) paired values; equal pairs are dropped.

    `effect` is the matched-pairs rank-biserial correlation of B - A: -1 where B is lower in every pair.
    The p-value is exact up to 50 pairs without ties, else by permutation (up to 13 pairs) or normal
    approximation, as SciPy chooses.
    """
    difference = b - a
    difference = difference[np.abs(difference) > TIE_DEG]
    n = len(difference)
    if n == 0:
        return Significance(None, 0, reason="no sample differs between the two runs")
    ranks = stats.rankdata(np.abs(difference))
    effect = float((ranks * np.sign(difference)).sum() / ranks.sum())
    p = float(stats.wilcoxon(difference).pvalue)
    return Significance(min(1.0, p), n, 2.0 ** (1 - n), effect)


def sign_test(a: np.ndarray, b: np.ndarray) -> Significance:
    """Exact two-sided sign test: is B lower than A in more or fewer than half of the unequal pairs?

    `effect` is the share of pairs in which B is higher minus that in which it is lower.
    """
    difference = b - a
    higher, lower = int((difference > TIE_DEG).sum()), int((difference < -TIE_DEG).sum())
    n = higher + lower
    if n == 0:
        return Significance(None, 0, reason="no sample differs between the two runs")
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


def mcnemar(success_a: np.ndarray, success_b: np.ndarray) -> Success:
    """Exact McNemar test of (n,) booleans: only samples on which the runs disagree carry information."""
    both, neither = int((success_a & success_b).sum()), int((~success_a & ~success_b).sum())
    only_a, only_b = int((success_a & ~success_b).sum()), int((~success_a & success_b).sum())
    n = only_a + only_b
    if n == 0:
        test = Significance(None, 0, reason="both runs succeed and fail on the same samples")
    else:
        p = float(stats.binomtest(only_b, n, 0.5).pvalue)
        test = Significance(p, n, 2.0 ** (1 - n), (only_b - only_a) / n)
    return Success(both, only_a, only_b, neither, test)


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
