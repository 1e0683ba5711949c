"""Paired statistics against SciPy, against enumeration, and by property."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hw4.report.statistics.paired import (
    BETTER,
    NOT_SHOWN,
    WORSE,
    Significance,
    decide,
    holm,
    mcnemar,
    paired_bootstrap,
    sign_test,
    signed_rank,
)


def mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=-1)


def errors(n: int, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Skewed errors of two runs, correlated as those of the same samples are."""
    rng = np.random.default_rng(seed)
    hardness = rng.lognormal(1, 1, n)
    return hardness + rng.normal(0, 0.5, n), hardness + shift + rng.normal(0, 0.5, n)


def two_sided_binomial(k: int, n: int) -> float:
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(min(k, n - k) + 1)) / 2**n)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(0, 10_000))
def test_signed_rank_equals_all_sign_flips(n: int, seed: int) -> None:
    a, b = errors(n, seed, shift=0.4)
    difference = b - a
    ranks = stats.rankdata(np.abs(difference))
    observed = abs((ranks * np.sign(difference)).sum())
    flips = np.array(list(itertools.product((-1, 1), repeat=n)))
    expected = (np.abs(flips @ ranks) >= observed - 1e-9).mean()
    found = signed_rank(a, b)
    assert found.p == pytest.approx(expected)
    assert found.effect == pytest.approx((ranks * np.sign(difference)).sum() / ranks.sum())
    assert found.smallest_p == pytest.approx(2 / 2**n)


def test_signed_rank_drops_equal_pairs_as_scipy_does() -> None:
    a, b = errors(40, 1, shift=-0.3)
    b[:6] = a[:6]
    found = signed_rank(a, b)
    assert found.n == 34
    assert found.p == pytest.approx(stats.wilcoxon(b - a, zero_method="wilcox", method="exact").pvalue)


def test_least_p_is_reached_when_every_sample_agrees() -> None:
    a, _ = errors(8, 3)
    found = signed_rank(a, a - np.linspace(0.1, 1, 8))
    assert found.p == pytest.approx(found.smallest_p) and found.effect == -1.0
    found = sign_test(a, a - np.linspace(0.1, 1, 8))
    assert found.p == pytest.approx(found.smallest_p) and found.effect == -1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=30))
def test_sign_test_is_the_binomial(difference: list[float]) -> None:
    b = np.array(difference)
    higher, lower = int((b > 0).sum()), int((b < 0).sum())
    found = sign_test(np.zeros(len(b)), b)
    if higher + lower == 0:
        assert found.p is None and found.reason
    else:
        assert found.p == pytest.approx(two_sided_binomial(higher, higher + lower))


def test_mcnemar_counts_and_p() -> None:
    a = np.array([1] * 20 + [1] * 2 + [0] * 9 + [0] * 5, bool)
    b = np.array([1] * 20 + [0] * 2 + [1] * 9 + [0] * 5, bool)
    found = mcnemar(a, b)
    assert (found.both, found.only_a, found.only_b, found.neither) == (20, 2, 9, 5)
    assert found.test.p == pytest.approx(two_sided_binomial(2, 11)) == pytest.approx(134 / 2048)
    swapped = mcnemar(b, a)
    assert swapped.test.p == found.test.p and (swapped.only_a, swapped.only_b) == (9, 2)
    assert mcnemar(a, a).test.p is None


def test_bootstrap_interval_equals_scipys() -> None:
    a, b = errors(40, 5, shift=1.0)
    found = paired_bootstrap(a, b, mean, 20_000, seed=0)
    expected = stats.bootstrap(
        (a, b),
        lambda x, y, axis: y.mean(axis=axis) - x.mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(9),
    ).confidence_interval
    assert found.low is not None and found.high is not None
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.04 * width)
    assert found.high == pytest.approx(expected.high, abs=0.04 * width)
    assert found.delta == pytest.approx(b.mean() - a.mean())


def test_pairing_is_what_makes_the_interval_narrow() -> None:
    a, b = errors(60, 6, shift=0.5)
    paired = paired_bootstrap(a, b, mean, 2000, seed=0)
    shuffled = paired_bootstrap(a, np.random.default_rng(0).permutation(b), mean, 2000, seed=0)
    assert paired.low is not None and shuffled.low is not None
    assert paired.high is not None and shuffled.high is not None
    assert paired.high - paired.low < 0.3 * (shuffled.high - shuffled.low)


def test_interval_covers_the_true_change() -> None:
    covered = 0
    for seed in range(200):
        a, b = errors(40, seed, shift=0.3)
        found = paired_bootstrap(a, b, mean, 400, seed=seed)
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.3 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(0, 1000), st.floats(-5, 5))
def test_swapping_the_runs_turns_the_answer_round(n: int, seed: int, shift: float) -> None:
    a, b = errors(n, seed, shift)
    forth, back = (paired_bootstrap(x, y, mean, 200, seed=1) for x, y in ((a, b), (b, a)))
    assert forth.low is not None and back.high is not None
    assert (forth.delta, forth.low) == pytest.approx((-back.delta, -back.high))
    one, other = signed_rank(a, b), signed_rank(b, a)
    assert one.p == pytest.approx(other.p) and one.effect == pytest.approx(-(other.effect or 0))
    order = np.random.default_rng(seed).permutation(n)
    assert signed_rank(a[order], b[order]).p == pytest.approx(one.p)


def test_equal_runs_differ_in_nothing() -> None:
    a, _ = errors(10, 0)
    found = paired_bootstrap(a, a, mean, 500, seed=0)
    assert (found.delta, found.low, found.high) == (0, 0, 0)
    assert signed_rank(a, a).p is None and "no sample differs" in str(signed_rank(a, a).reason)


def test_one_sample_has_no_interval_and_none_is_refused() -> None:
    one = paired_bootstrap(np.array([3.0]), np.array([1.0]), mean, 100, seed=0)
    assert (one.delta, one.low, one.high) == (-2.0, None, None)
    for a, b in ((np.zeros(0), np.zeros(0)), (np.zeros(2), np.zeros(3))):
        with pytest.raises(ValueError, match="paired values"):
            paired_bootstrap(a, b, mean, 100, seed=0)


def test_holm_by_hand_and_by_property() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, then never decreasing.
    assert holm([0.04, 0.01, None, 0.03, 0.02]) == pytest.approx([0.06, 0.04, None, 0.06, 0.06])
    assert holm([0.2]) == [0.2] and holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]
    p = np.random.default_rng(0).uniform(size=12).tolist()
    adjusted = holm(p)
    assert all(q is not None and q >= x for q, x in zip(adjusted, p, strict=True))
    assert np.argsort(p, kind="stable").tolist() == sorted(range(12), key=lambda i: (adjusted[i], p[i]))


def test_verdicts() -> None:
    assert decide(Significance(0.01, 20, effect=-0.5), 0.01, 0.05) == BETTER
    assert decide(Significance(0.01, 20, effect=0.5), 0.01, 0.05) == WORSE
    assert decide(Significance(0.01, 20, effect=0.5), 0.08, 0.05) == NOT_SHOWN
    assert decide(Significance(None, 0, reason="none"), None, 0.05) == NOT_SHOWN


def test_no_difference_is_rarely_called_one() -> None:
    wrong = 0
    for seed in range(400):
        test = signed_rank(*errors(20, seed))
        wrong += decide(test, test.p, 0.05) != NOT_SHOWN
    # Binomial(400, 0.05): 20 +- 4.4.
    assert 5 <= wrong <= 36


def test_samples_of_one_scene_do_not_make_a_difference_out_of_nothing() -> None:
    wrong, naive = np.zeros(3), np.zeros(3)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(10), 8)
        # Run B is better in some scenes and worse in others, and in neither on average.
        a, b = rng.gamma(2, 10, 80), rng.normal(0, 3, 10)[clusters]
        b = np.maximum(a + b + rng.normal(0, 0.5, 80), 0)
        for found, of in ((wrong, clusters), (naive, None)):
            tests = (signed_rank(a, b, of), sign_test(a, b, of), mcnemar(a < 20, b < 20, of).test)
            found += [test.p is not None and test.p < 0.05 for test in tests]
    # Binomial(150, 0.05): 7.5 +- 2.7; exact tests of few scenes reach it from below.
    assert (wrong <= 16).all() and wrong[0] >= 2
    assert (naive[:2] > 45).all()


def test_clusters_of_one_sample_change_nothing() -> None:
    a, b = errors(30, 2, shift=0.2)
    own = np.random.default_rng(0).permutation(30)
    assert signed_rank(a, b, own).p == pytest.approx(signed_rank(a, b).p)
    assert sign_test(a, b, own) == sign_test(a, b)
    assert mcnemar(a < 3, b < 3, own) == mcnemar(a < 3, b < 3)
    with_own, without = (paired_bootstrap(a, b, mean, 4000, 0, of) for of in (own, None))
    assert (with_own.low, with_own.high) == pytest.approx((without.low, without.high), rel=0.1, abs=0.03)


def test_successes_that_cancel_within_a_scene_are_no_evidence() -> None:
    before, after = np.array([True, False, True, False]), np.array([False, True, False, True])
    found = mcnemar(before, after, np.array([0, 0, 1, 1]))
    assert (found.only_a, found.only_b, found.test.p) == (2, 2, None)
    assert "neither run succeeds more often" in str(found.test.reason)
