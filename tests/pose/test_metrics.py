"""Pose metrics against independent implementations, the published arithmetic, and their invariances."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hw4.config import MetricsConfig
from hw4.metrics import accuracy, auc
from hw4.pose.metrics import NO_DIRECTION, PoseError, pair_error, summarize
from tests.support.pairs import random_cameras

angles = st.floats(0, 180, allow_nan=False)


def quaternion_angle_deg(R: np.ndarray) -> float:
    """Rotation angle through a hand-made quaternion (Shepperd), independent of scipy."""
    trace = np.trace(R)
    i = int(np.argmax([trace, R[0, 0], R[1, 1], R[2, 2]]))
    if i == 0:
        w = math.sqrt(max(0.0, 1 + trace)) / 2
        x, y, z = (np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])) / (4 * w)
    else:
        a, b, c = i - 1, i % 3, (i + 1) % 3
        v = np.zeros(3)
        v[a] = math.sqrt(max(0.0, 1 + R[a, a] - R[b, b] - R[c, c])) / 2
        v[b] = (R[a, b] + R[b, a]) / (4 * v[a])
        v[c] = (R[a, c] + R[c, a]) / (4 * v[a])
        w = (R[c, b] - R[b, c]) / (4 * v[a])
        x, y, z = v
    return math.degrees(2 * math.atan2(math.sqrt(x * x + y * y + z * z), abs(w)))


def slow_auc(errors: list[float], threshold: int) -> float:
    hits = 0
    for t in range(1, threshold + 1):
        for e in errors:
            if e < t:
                hits += 1
    return hits / (threshold * len(errors))


def in_gauge(cameras: np.ndarray, world: np.ndarray) -> np.ndarray:
    return cameras @ np.linalg.inv(world)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_rotation_error_agrees_with_quaternions(seed: int) -> None:
    true, estimated = random_cameras(np.random.default_rng(seed), 4).reshape(2, 2, 4, 4)
    relative = [pair[1, :3, :3] @ pair[0, :3, :3].T for pair in (true, estimated)]
    expected = quaternion_angle_deg(relative[0].T @ relative[1])
    error = pair_error(true, estimated, MetricsConfig())
    assert error.rotation_deg == pytest.approx(expected, abs=1e-6)
    directions = [
        pair[1, :3, 3] - r @ pair[0, :3, 3] for pair, r in zip((true, estimated), relative, strict=True)
    ]
    a, b = (d / np.linalg.norm(d) for d in directions)
    assert error.translation_deg == pytest.approx(math.degrees(math.acos(np.clip(a @ b, -1, 1))), abs=1e-5)


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 0.01, 90.0, 179.99, 180.0])
def test_rotation_error_of_a_known_turn(degrees: float) -> None:
    cameras = np.tile(np.eye(4), (2, 1, 1))
    cameras[1, :3, 3] = [1, 0, 0]
    turned = cameras.copy()
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned[1, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    assert pair_error(cameras, turned, MetricsConfig()).rotation_deg == pytest.approx(degrees, abs=1e-6)


@given(st.lists(angles, min_size=1, max_size=40), st.sampled_from([3, 5, 15, 30]))
@settings(deadline=None)
def test_auc_and_accuracy_agree_with_loops(errors: list[float], threshold: int) -> None:
    array = np.array(errors)
    assert float(auc(array, threshold)) == pytest.approx(slow_auc(errors, threshold), abs=1e-12)
    assert float(accuracy(array, threshold)) == pytest.approx(
        sum(e < threshold for e in errors) / len(errors)
    )


def test_thresholds_are_strict() -> None:
    assert float(accuracy(np.array([5.0]), 5)) == 0.0
    assert float(auc(np.array([3.0]), 3)) == 0.0
    assert float(auc(np.array([0.0]), 3)) == 1.0


def report_errors(hits: list[int], n: int = 40) -> np.ndarray:
    """n errors that pass that many of the thresholds 1..30 each; the others are far off."""
    return np.array([30 - h + 0.5 for h in hits] + [120.0] * (n - len(hits)))


@pytest.mark.parametrize(
    ("hits", "acc", "auc_30", "auc_15", "auc_5", "auc_3"),
    [
        # Pairs: 0 / 20 / 25 % and AUC 187/1200, 46/600, 0, 0. Eight errors lie below 15°, two more below 30°.
        ([21, 21, 21, 21, 21, 21, 20, 20, 11, 10], (0.0, 0.20, 0.25), 187 / 1200, 46 / 600, 0.0, 0.0),
        # Interpolated: 2.5 / 20 / 45 % and AUC 267/1200, 56/600, 2/200, 0.
        (
            [27, 21, 21, 21, 21, 21, 22, 22, 10, 10, 10, 10, 10, 10, 8, 8, 8, 7],
            (0.025, 0.20, 0.45),
            267 / 1200,
            56 / 600,
            2 / 200,
            0.0,
        ),
    ],
)
def test_the_report_table_is_integer_threshold_arithmetic(
    hits: list[int], acc: tuple[float, ...], auc_30: float, auc_15: float, auc_5: float, auc_3: float
) -> None:
    errors = report_errors(hits)
    summary = summarize([PoseError(float(e)) for e in errors], MetricsConfig(bootstrap=0))
    value = {name: metric.value for name, metric in summary.metrics.items()}
    assert [value["Acc@5"], value["Acc@15"], value["Acc@30"]] == pytest.approx(acc)
    assert [value["AUC@30"], value["AUC@15"]] == pytest.approx([auc_30, auc_15])
    assert [value["AUC@5"], value["AUC@3"]] == pytest.approx([auc_5, auc_3])
    printed = {187 / 1200: "0.1558", 46 / 600: "0.0767", 267 / 1200: "0.2225", 56 / 600: "0.0933"}
    assert f"{value['AUC@30']:.4f}" == printed[auc_30]
    assert f"{value['AUC@15']:.4f}" == printed[auc_15]


@given(st.integers(0, 2**31 - 1), st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_default_protocol_ignores_world_frame_and_scale(seed: int, scale: float) -> None:
    true, estimated, worlds = random_cameras(np.random.default_rng(seed), 6).reshape(3, 2, 4, 4)
    moved = in_gauge(estimated, worlds[0])
    moved[:, :3, 3] *= scale
    here = pair_error(true, estimated, MetricsConfig())
    there = pair_error(in_gauge(true, worlds[1]), moved, MetricsConfig())
    assert there.rotation_deg == pytest.approx(here.rotation_deg, abs=1e-6)
    assert there.translation_deg == pytest.approx(here.translation_deg, abs=1e-4)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_homework_protocol_depends_on_the_world_frame(seed: int) -> None:
    true, estimated, worlds = random_cameras(np.random.default_rng(seed), 6).reshape(3, 2, 4, 4)
    config = MetricsConfig(protocol="homework")
    here = pair_error(true, estimated, config)
    there = pair_error(true, in_gauge(estimated, worlds[0]), config)
    assert abs(here.rotation_deg - there.rotation_deg) > 1e-6
    both = pair_error(in_gauge(true, worlds[0]), in_gauge(estimated, worlds[0]), config)
    assert both.rotation_deg == pytest.approx(here.rotation_deg, abs=1e-6)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_homework_error_is_that_of_the_scripts_composition(seed: int) -> None:
    true, estimated = random_cameras(np.random.default_rng(seed), 4).reshape(2, 2, 4, 4)

    def composed(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """P_1 · P_2⁻¹ of P = [R | c] camera-to-world, by hand: R_1 R_2ᵀ and c_1 - R_1 R_2ᵀ c_2."""
        (R1, c1), (R2, c2) = ((c[:3, :3].T, -c[:3, :3].T @ c[:3, 3]) for c in cam_from_world)
        return R1 @ R2.T, c1 - R1 @ R2.T @ c2

    (R_true, t_true), (R_estimated, t_estimated) = composed(true), composed(estimated)
    found = pair_error(true, estimated, MetricsConfig(protocol="homework", fold_translation=False))
    assert found.rotation_deg == pytest.approx(quaternion_angle_deg(R_true.T @ R_estimated), abs=1e-5)
    cosine = t_true @ t_estimated / np.linalg.norm(t_true) / np.linalg.norm(t_estimated)
    assert found.translation_deg == pytest.approx(math.degrees(math.acos(np.clip(cosine, -1, 1))), abs=1e-5)
    # The other protocol gives another angle: the test can tell them apart.
    assert abs(pair_error(true, estimated, MetricsConfig()).rotation_deg - found.rotation_deg) > 1e-6
    # With D, camera 1 from camera 2, and the first camera R_1 the composition is R_1 Dᵀ R_1ᵀ.
    R1, D = true[0, :3, :3].T, true[0, :3, :3] @ true[1, :3, :3].T
    np.testing.assert_allclose(R_true, R1 @ D.T @ R1.T, atol=1e-9)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_errors_are_symmetric_in_truth_and_estimate(seed: int) -> None:
    true, estimated = random_cameras(np.random.default_rng(seed), 4).reshape(2, 2, 4, 4)
    forth, back = pair_error(true, estimated, MetricsConfig()), pair_error(estimated, true, MetricsConfig())
    assert forth.rotation_deg == pytest.approx(back.rotation_deg, abs=1e-9)
    assert forth.translation_deg == pytest.approx(back.translation_deg, abs=1e-9)


def test_folding_makes_opposite_directions_equal() -> None:
    true = np.tile(np.eye(4), (2, 1, 1))
    true[1, :3, 3] = [0, 0, 2]
    estimated = true.copy()
    estimated[1, :3, 3] = [0, 0, -5]
    assert pair_error(true, estimated, MetricsConfig()).translation_deg == pytest.approx(180)
    assert pair_error(true, estimated, MetricsConfig(fold_translation=True)).translation_deg == pytest.approx(
        0
    )


def test_missing_translation_is_missing_and_not_zero() -> None:
    true = np.tile(np.eye(4), (2, 1, 1))
    true[:, :3, 3] = np.nan
    estimated = np.tile(np.eye(4), (2, 1, 1))
    estimated[1, :3, 3] = [1, 0, 0]
    error = pair_error(true, estimated, MetricsConfig())
    assert error.rotation_deg == pytest.approx(0) and error.translation_deg is None
    for mode in ("T", "both"):
        summary = summarize([error], MetricsConfig(mode=mode))
        for name in ("MTE", "Acc@5", "AUC@30"):
            assert summary.metrics[name].value is None
            assert "no translation direction" in str(summary.metrics[name].reason)
        assert summary.metrics["MRE"].value == pytest.approx(0)


def test_a_matrix_that_is_no_rotation_is_a_failure() -> None:
    true = np.tile(np.eye(4), (2, 1, 1))
    mirrored = true.copy()
    mirrored[1, 0, 0] = -1
    assert "no rotation matrix" in str(pair_error(true, mirrored, MetricsConfig()).reason)
    lost = true.copy()
    lost[1] = np.nan
    assert "not finite" in str(pair_error(true, lost, MetricsConfig()).reason)


@pytest.mark.parametrize(("failures", "mre", "acc"), [("exclude", 2.0, 1.0), ("penalize", 91.0, 0.5)])
def test_failures_policy(failures: str, mre: float, acc: float) -> None:
    errors = [
        PoseError(1.0, 10.0),
        PoseError(3.0, 20.0),
        PoseError(None, reason="x"),
        PoseError(None, reason="x"),
    ]
    summary = summarize(errors, MetricsConfig(failures=failures))
    assert summary.metrics["MRE"].value == pytest.approx(mre)
    assert summary.metrics["Acc@5"].value == pytest.approx(acc)
    assert (summary.n_total, summary.n_valid, summary.n_failed) == (4, 2, 2)
    assert summary.n_below == {5: 2, 15: 2, 30: 2}


def test_mode_both_takes_the_larger_error() -> None:
    errors = [PoseError(1.0, 20.0), PoseError(14.0, 2.0)]
    summary = summarize(errors, MetricsConfig(mode="both"))
    assert summary.metrics["Acc@15"].value == pytest.approx(0.5)
    assert summary.metrics["Acc@30"].value == pytest.approx(1.0)
    assert summarize(errors, MetricsConfig(mode="T")).metrics["Acc@5"].value == pytest.approx(0.5)


def test_nothing_valid_gives_missing_metrics_with_the_reason() -> None:
    summary = summarize([PoseError(None, reason="no matches")], MetricsConfig())
    assert all(m.value is None and m.reason == "no matches" for m in summary.metrics.values())


@given(arrays(float, st.integers(2, 30), elements=angles))
@settings(max_examples=30, deadline=None)
def test_intervals_hold_the_value_range_and_repeat(errors: np.ndarray) -> None:
    config = MetricsConfig(bootstrap=200)
    summaries = [summarize([PoseError(float(e)) for e in errors], config) for _ in range(2)]
    assert summaries[0] == summaries[1]
    mre = summaries[0].metrics["MRE"]
    assert 0 <= mre.low <= mre.value <= mre.high <= 180
    shares = [m for name, m in summaries[0].metrics.items() if "@" in name and m.value is not None]
    assert all(0 <= share.low <= share.value <= share.high <= 1 for share in shares)


def test_bootstrap_agrees_with_scipy() -> None:
    from scipy.stats import bootstrap
    from scipy.stats import t as students

    errors = np.random.default_rng(1).gamma(2.0, 10.0, 60)
    ours = summarize([PoseError(float(e)) for e in errors], MetricsConfig(bootstrap=20000)).metrics["MRE"]
    theirs = bootstrap((errors,), np.mean, n_resamples=20000, rng=2).standard_error
    half = students.ppf(0.975, 59) * theirs * np.sqrt(60 / 59)
    assert [ours.low, ours.high] == pytest.approx([errors.mean() - half, errors.mean() + half], rel=0.02)


def test_repeated_samples_are_no_further_evidence() -> None:
    once = [PoseError(float(e)) for e in (3, 8, 21, 40)]
    labels = list("abcd")
    first = summarize(once, MetricsConfig(), labels)
    again = summarize(once * 14, MetricsConfig(), labels * 14)
    assert (again.n_total, again.n_clusters) == (56, 4)
    assert again.drawn == "4 groups of samples that share a scene or a picture"
    for name in ("MRE", "Acc@15", "AUC@30"):
        one, many = first.metrics[name], again.metrics[name]
        assert (many.low, many.high) == pytest.approx((one.low, one.high)), name
    alone = summarize(once, MetricsConfig(), ["a"] * 4).metrics["MRE"]
    assert alone.low is None
    assert alone.reason == "no interval, because all 4 samples share a scene or a picture: no spread"


@given(st.lists(angles, min_size=1, max_size=20), st.floats(0, 50))
@settings(max_examples=30, deadline=None)
def test_metrics_are_monotone_in_the_errors(errors: list[float], worse: float) -> None:
    config = MetricsConfig(bootstrap=0)
    before = summarize([PoseError(e) for e in errors], config).metrics
    after = summarize([PoseError(min(180.0, e + worse)) for e in errors], config).metrics
    for name, metric in before.items():
        if name == "MRE":
            assert after[name].value >= metric.value - 1e-9
        elif metric.value is not None:
            assert after[name].value <= metric.value + 1e-9


def test_each_missing_metric_has_its_own_reason() -> None:
    undirected = PoseError(2.0, None, NO_DIRECTION, has_true_direction=False)
    still = PoseError(None, None, "a: no matches")
    metrics = summarize([undirected, undirected], MetricsConfig(mode="T")).metrics
    assert metrics["MRE"].value == 2.0
    assert metrics["MTE"].reason == metrics["Acc@5"].reason == NO_DIRECTION
    # The rotation is missing for another reason than the translation.
    metrics = summarize([still, replace(undirected, rotation_deg=None)], MetricsConfig(mode="R")).metrics
    assert metrics["MTE"].reason == "a: no matches"
    zero = PoseError(1.0, None, "z: the estimated translation is zero")
    metrics = summarize([zero, zero, still], MetricsConfig()).metrics
    assert metrics["MTE"].reason == f"{zero.reason} (2 of 3 samples); a: no matches (1 of 3 samples)"
    assert summarize([], MetricsConfig()).metrics["MRE"].reason == "there is no sample"


def test_a_missing_interval_has_its_reason() -> None:
    one = summarize([PoseError(1.0, 2.0)], MetricsConfig()).metrics["MRE"]
    assert (one.value, one.low, one.reason) == (1.0, None, "no interval, because one sample has no spread")
    none = summarize([PoseError(1.0), PoseError(2.0)], MetricsConfig(bootstrap=0)).metrics["MRE"]
    assert none.reason == "no interval, because metrics.bootstrap=0"


def test_a_truth_that_cannot_be_read_fails_in_every_mode() -> None:
    errors = [PoseError(1.0, 2.0), PoseError(None, None, "unreadable", has_true_direction=None)]
    for mode in ("R", "T", "both"):
        metrics = summarize(errors, MetricsConfig(mode=mode, failures="penalize", bootstrap=0)).metrics
        assert metrics["Acc@5"].value == 0.5, mode
    assert (metrics["MRE"].value, metrics["MTE"].value) == (90.5, 91.0)
    # Where no truth has a direction, an unreadable one does not bring translations into being.
    undirected = PoseError(1.0, None, NO_DIRECTION, has_true_direction=False)
    alone = summarize([undirected, errors[1]], MetricsConfig(mode="T", failures="penalize")).metrics
    assert alone["MTE"].value is None and alone["Acc@5"].value is None


def test_a_folded_translation_fails_at_the_end_of_its_scale() -> None:
    errors = [PoseError(0.0, 0.0), PoseError(None, None, "x")]
    config = MetricsConfig(failures="penalize", fold_translation=True, bootstrap=0)
    metrics = summarize(errors, config).metrics
    assert (metrics["MRE"].value, metrics["MTE"].value) == (90.0, 45.0)
