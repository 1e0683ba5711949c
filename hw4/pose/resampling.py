"""Confidence intervals of statistics over samples of which some share a scene: whole clusters are drawn.

The interval is the value ± t · s. s is the standard deviation of the statistic over bootstrap resamples of
the G clusters (Davison and Hinkley 1997, section 3.8), times √(G / (G - 1)), because resamples spread less
than the truth by that; t is the 97.5 % quantile of Student's t with G - 1 degrees of freedom. Percentiles of
the resamples would be too narrow where clusters are few (Hesterberg 2015, "What Teachers Should Know About
the Bootstrap").
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from scipy.special import stdtrit

Statistic = Callable[[np.ndarray], np.ndarray]
LEVEL = 0.95
# Skewed, so that of the statistics in use only a mean of values is the mean of its values here.
PROBE = np.array([0.0, 1.0, 2.0, 4.0, 7.0, 20.0, 60.0, 179.0])


def cluster_codes(labels: Sequence[Hashable]) -> np.ndarray:
    """(n,) numbers 0, 1, ... of the clusters that samples belong to, in order of their first sample."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=int)


def resample(
    rows: Sequence[np.ndarray], statistic: Statistic, clusters: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """(len(rows), draws) values of a statistic over resamples; each row has the same clusters drawn.

    Args:
        rows: arrays (n,) of the same samples.
        statistic: reduces the last axis.
        clusters: (n,) as `cluster_codes` gives them.
        draws: number of resamples; each draws as many clusters as there are, with all their samples.
        seed: of the drawing.
    """
    n_clusters = int(clusters.max()) + 1
    picks = np.random.default_rng(seed).integers(0, n_clusters, (draws, n_clusters))
    if n_clusters == len(clusters):
        order = np.argsort(clusters)
        return np.stack([statistic(row[order][picks]) for row in rows])
    if is_mean(statistic):
        sizes = np.bincount(clusters)
        sums = (np.bincount(clusters, statistic(row[:, None])) for row in rows)
        return np.stack([total[picks].sum(axis=1) / sizes[picks].sum(axis=1) for total in sums])
    members = [np.flatnonzero(clusters == cluster) for cluster in range(n_clusters)]
    drawn = [np.concatenate([members[cluster] for cluster in pick]) for pick in picks]
    return np.array([[statistic(row[one]) for one in drawn] for row in rows])


def is_mean(statistic: Statistic) -> bool:
    """Whether a statistic is the mean over samples of a value that each has by itself."""
    return bool(np.isclose(statistic(PROBE), statistic(PROBE[:, None]).mean()))


def t_interval(
    value: float, resamples: np.ndarray, n_clusters: int, bounds: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The 95 % interval around a statistic.

    Args:
        value: of the samples.
        resamples: (draws,) of `resample`.
        n_clusters: at least 2.
        bounds: the least and the largest value that there can be; no interval reaches beyond.
    """
    spread = float(resamples.std(ddof=1)) * np.sqrt(n_clusters / (n_clusters - 1))
    # The quantile of `scipy.stats.t`, whose import takes longer than a whole evaluation's bootstrap.
    half = float(stdtrit(n_clusters - 1, 0.5 + LEVEL / 2)) * spread
    low, high = value - half, value + half
    if bounds is None:
        return float(low), float(high)
    return max(float(low), bounds[0]), min(float(high), bounds[1])


def bounds(statistic: Statistic, value: float, largest: float) -> tuple[float, float] | None:
    """The least and largest value that a statistic has of one error from 0 to `largest`.

    None where of many errors it has others, such as this `value`.
    """
    of_one = statistic(np.linspace(0, largest, 181)[:, None])
    low, high = float(of_one.min()), float(of_one.max())
    return (low, high) if low <= value <= high else None
