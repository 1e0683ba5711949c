"""Intervals over clusters: against simulations with a known truth, and against drawing in a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hw4.metrics import POSE_ROWS
from hw4.pose.resampling import cluster_codes, is_mean, resample, t_interval


def mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=-1)


def median(values: np.ndarray) -> np.ndarray:
    return np.median(values, axis=-1)


def covered(n_clusters: int, seed: int, repeats: int = 500) -> float:
    """Share of simulations whose interval holds the true mean, 10: scenes differ, and have 1 to 7 samples."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(repeats):
        clusters = np.repeat(np.arange(n_clusters), rng.integers(1, 8, n_clusters))
        values = 10 + 3 * rng.normal(size=n_clusters)[clusters] + 3 * rng.normal(size=len(clusters))
        (drawn,) = resample([values], mean, clusters, 400, int(rng.integers(1 << 30)))
        low, high = t_interval(float(values.mean()), drawn, n_clusters)
        hits += low <= 10 <= high
    return hits / repeats


@pytest.mark.parametrize("n_clusters", [5, 12, 40])
def test_the_true_mean_is_held_by_95_per_cent_of_intervals(n_clusters: int) -> None:
    assert covered(n_clusters, seed=n_clusters) == pytest.approx(0.95, abs=0.02)


def test_without_clusters_or_with_percentiles_it_would_not_be() -> None:
    rng = np.random.default_rng(0)
    naive, percentile = 0, 0
    for _ in range(300):
        clusters = np.repeat(np.arange(6), 5)
        values = 10 + 3 * rng.normal(size=6)[clusters] + rng.normal(size=30)
        value = float(values.mean())
        (drawn,) = resample([values], mean, np.arange(30), 300, 1)
        low, high = t_interval(value, drawn, 30)
        naive += low <= 10 <= high
        (drawn,) = resample([values], mean, clusters, 300, 1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        percentile += low <= 10 <= high
    assert naive / 300 < 0.75 and percentile / 300 < 0.9


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_sums_of_clusters_are_the_drawn_samples(labels: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters, values = cluster_codes(labels), rng.gamma(2.0, 10.0, (2, len(labels)))
    n = clusters.max() + 1
    picks = np.random.default_rng(seed).integers(0, n, (50, n))
    drawn = [np.concatenate([np.flatnonzero(clusters == one) for one in pick]) for pick in picks]
    for statistic in (mean, median):
        expected = [[statistic(row[one]) for one in drawn] for row in values]
        found = resample([*values], statistic, clusters, 50, seed)
        np.testing.assert_allclose(np.sort(found), np.sort(expected))


def test_which_statistics_are_means_of_their_values() -> None:
    assert {row.name for row in POSE_ROWS if not is_mean(row.statistic)} == {"median rotation error"}


def test_no_interval_reaches_beyond_what_there_is() -> None:
    drawn = np.array([0.2, 0.9, 1.0, 0.5])
    low, high = t_interval(0.9, drawn, 2, (0.0, 1.0))
    assert (low, high) == (0.0, 1.0) and t_interval(0.9, drawn, 2)[1] > 1


@pytest.mark.parametrize("n_clusters", [2, 3, 10, 301])
def test_the_quantile_is_students(n_clusters: int) -> None:
    drawn = np.array([-1.0, 0.0, 1.0])
    spread = float(drawn.std(ddof=1)) * np.sqrt(n_clusters / (n_clusters - 1))
    half = float(stats.t.ppf(0.975, n_clusters - 1)) * spread
    assert t_interval(0.0, drawn, n_clusters) == (-half, half)
