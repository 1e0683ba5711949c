"""Metrics of N views: against VGGT's evaluation, evo's own tool, closed forms, and in any gauge."""

import json
import os
import subprocess
import sys
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.core.metric import MetricUnavailable
from hw4.metrics import views_metrics
from hw4.pose.all_pairs import pair_errors
from hw4.pose.trajectory import trajectory_errors
from hw4.pose.view_scores import ScoredViews, scores
from tests.support.pairs import random_cameras
from tests.support.views import K, ring

SEEDS = st.integers(0, 2**31 - 1)


def moved(cameras: np.ndarray, seed: int, scale: float) -> np.ndarray:
    """The same cameras in another world frame and scale."""
    world = random_cameras(np.random.default_rng(seed), 1)[0]
    changed = cameras @ world
    changed[:, :3, 3] *= scale
    return changed


def near(cameras: np.ndarray, seed: int, angle: float, shift: float) -> np.ndarray:
    """An estimate of these cameras, off by about so many radians and lengths."""
    rng = np.random.default_rng(seed)
    noise = np.tile(np.eye(4), (len(cameras), 1, 1))
    noise[:, :3, :3] = Rotation.from_rotvec(rng.normal(0, angle, (len(cameras), 3))).as_matrix()
    noise[:, :3, 3] = rng.normal(0, shift, (len(cameras), 3))
    return noise @ cameras


def of_vggt(true: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors in degrees as VGGT's evaluation has them: by quaternions and squared cosines."""
    rotation, translation = [], []
    for i, j in combinations(range(len(true)), 2):
        a, b = (cams[i] @ np.linalg.inv(cams[j]) for cams in (true, estimate))
        p, q = (Rotation.from_matrix(one[:3, :3]).as_quat() for one in (a, b))
        rotation.append(np.degrees(np.arccos(1 - 2 * max(1 - float(p @ q) ** 2, 1e-15))))
        s, t = (one[:3, 3] / np.linalg.norm(one[:3, 3]) for one in (a, b))
        translation.append(np.degrees(np.arccos(np.sqrt(1 - max(1 - float(s @ t) ** 2, 1e-15)))))
    return np.array(rotation), np.array(translation)


def histogram_auc(rotation: np.ndarray, translation: np.ndarray, largest: int) -> float:
    """VGGT's AUC: the mean of the cumulated histogram of the larger errors, in bins of a degree."""
    counts, _ = np.histogram(np.maximum(rotation, translation), bins=np.arange(largest + 1))
    return float(np.mean(np.cumsum(counts / len(rotation))))


@given(SEEDS, st.integers(3, 8), st.sampled_from([0.02, 0.1, 0.5]))
@settings(max_examples=30, deadline=None)
def test_pairs_are_scored_as_vggts_evaluation_scores_them(seed: int, n: int, noise: float) -> None:
    true = random_cameras(np.random.default_rng(seed), n)
    estimate = moved(near(true, seed, noise, noise), seed + 1, 3.0)
    rotation, translation = of_vggt(true, estimate)
    found = pair_errors(true, estimate)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-3)
    np.testing.assert_allclose(found.translation, translation, atol=1e-3)
    values, _ = scores(ScoredViews(true, estimate))
    for threshold in (5, 15, 30):
        assert values[f"pairs_RRA@{threshold}"] == pytest.approx((rotation < threshold).mean())
        assert values[f"pairs_RTA@{threshold}"] == pytest.approx((translation < threshold).mean())
    for largest in (3, 5, 15, 30):
        expected = histogram_auc(rotation, translation, largest)
        assert values[f"pairs_AUC@{largest}"] == pytest.approx(expected)


@given(SEEDS, st.floats(0.05, 20))
@settings(max_examples=25, deadline=None)
def test_no_world_frame_and_no_scale_changes_a_score(seed: int, scale: float) -> None:
    true = ring(6) if seed % 2 else random_cameras(np.random.default_rng(seed), 6)
    estimate = near(true, seed, 0.1, 0.1)
    Ks = np.tile(K, (6, 1, 1))
    before, _ = scores(ScoredViews(true, estimate, Ks, 1.1 * Ks))
    after, _ = scores(ScoredViews(true, moved(estimate, seed + 1, scale), Ks, 1.1 * Ks))
    assert before.keys() == after.keys() and len(before) >= 15
    assert before == pytest.approx(after, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("scale", [1.0, 0.01, 40.0])
def test_a_perfect_estimate_is_perfect(scale: float) -> None:
    true, Ks = ring(5), np.tile(K, (5, 1, 1))
    values, missing = scores(ScoredViews(true, moved(true, 4, scale), Ks, Ks))
    for row in views_metrics():
        if row.name in values:
            perfect = 1.0 if row.better == "higher" else 0.0
            assert values[row.name] == pytest.approx(perfect, abs=1e-5), row.name
    assert "ate" in values and "focal_error" in values and not {"ate", "focal_error"} & missing.keys()


def write_tum(path: Path, cam_from_world: np.ndarray) -> None:
    """A trajectory file: time, position, quaternion (x, y, z, w), camera-to-world."""
    lines = []
    for time, pose in enumerate(np.linalg.inv(cam_from_world)):
        quaternion = Rotation.from_matrix(pose[:3, :3]).as_quat()
        lines.append(" ".join(f"{value:.17g}" for value in (time, *pose[:3, 3], *quaternion)))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_ate_and_rpe_are_those_of_evos_own_tool(tmp_path: Path) -> None:
    pytest.importorskip("evo")
    true = random_cameras(np.random.default_rng(1), 9)
    estimate = moved(near(true, 2, 0.2, 0.3), 3, 7.0)
    write_tum(tmp_path / "true.txt", true)
    write_tum(tmp_path / "estimate.txt", estimate)

    def rmse(tool: str, relation: str) -> float:
        result = tmp_path / f"{tool}_{relation}.zip"
        command = [str(Path(sys.executable).with_name(tool)), "tum", "true.txt", "estimate.txt", "-as"]
        command += ["-r", relation, "--save_results", str(result), "--no_warnings"]
        environment = {**os.environ, "HOME": str(tmp_path), "MPLBACKEND": "Agg"}
        subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
        with zipfile.ZipFile(result) as content:
            return float(json.loads(content.read("stats.json"))["rmse"])

    found = trajectory_errors(true, estimate)
    assert found.ate == pytest.approx(rmse("evo_ape", "trans_part"), rel=1e-9)
    assert found.rpe == pytest.approx(rmse("evo_rpe", "trans_part"), rel=1e-9)
    assert found.rpe_deg == pytest.approx(rmse("evo_rpe", "angle_deg"), rel=1e-9)


def test_a_shift_of_one_camera_in_closed_form() -> None:
    # Four corners of a square; two opposite ones move outwards by d, two inwards: no turn, no shift.
    corners = np.array([(1, 1, 0), (-1, 1, 0), (-1, -1, 0), (1, -1, 0)], float)
    true, estimate = (np.tile(np.eye(4), (4, 1, 1)) for _ in range(2))
    true[:, :3, 3] = -corners
    d = np.array([0.1, -0.1, 0.1, -0.1])
    estimate[:, :3, 3] = -corners * (1 + d / np.sqrt(2))[:, None]
    found = trajectory_errors(true, estimate)
    # The scale is pulled to Σ<x, y> / Σ|y|² = 8 / (8 + 4 d²).
    s = 8 / (8 + 4 * 0.01)
    expected = np.sqrt(np.mean([(s * (np.sqrt(2) + x) - np.sqrt(2)) ** 2 for x in d]))
    assert found.ate == pytest.approx(expected) and found.rpe_deg == pytest.approx(0, abs=1e-9)


def test_what_determines_no_alignment_has_its_reason() -> None:
    line = np.tile(np.eye(4), (4, 1, 1))
    line[:, 0, 3] = range(4)
    for true, estimate, words in (
        (ring(2), ring(2), "a trajectory needs 3 views, and there are 2"),
        (line, near(line, 0, 0.1, 0.1), "the true camera centres lie on a line"),
        (near(line, 0, 0.1, 0.1), line, "the estimated camera centres lie on a line"),
    ):
        with pytest.raises(MetricUnavailable, match=words):
            trajectory_errors(true, estimate)
        values, missing = scores(ScoredViews(true, estimate))
        assert "ate" not in values and words in missing["ate"] and words in missing["rpe_rotation"]


def test_pairs_with_a_lost_view_are_wrong_and_the_trajectory_is_missing() -> None:
    true = ring(4)
    estimate = true.copy()
    estimate[2] = np.nan
    values, missing = scores(ScoredViews(true, estimate))
    # Three of the six pairs have it.
    assert values["pairs_RRA@5"] == values["pairs_RTA@30"] == values["pairs_AUC@30"] == 0.5
    assert missing["ate"] == "1 of 4 views have no camera"


def test_pairs_without_a_direction() -> None:
    true, estimate = ring(4), ring(4)
    # The truth stands still between two of the views: that pair's translation is undefined, its rotation not.
    true[1, :3, 3] = true[1, :3, :3] @ true[0, :3, :3].T @ true[0, :3, 3]
    found = pair_errors(true, estimate)
    assert len(found.rotation) == 6 and len(found.directed) == len(found.larger) == 5
    # An estimate that stands still is wrong everywhere.
    estimate[:, :3, 3] = 0
    assert np.isinf(pair_errors(ring(4), estimate).translation).all()
    still = np.tile(np.eye(4), (3, 1, 1))
    values, missing = scores(ScoredViews(still, still))
    assert values["pairs_RRA@5"] == 1.0
    assert (
        missing["pairs_RTA@5"]
        == missing["pairs_AUC@3"]
        == "no pair of views has a true translation direction"
    )


def test_intrinsics_in_closed_form() -> None:
    true = np.tile(K, (3, 1, 1)).astype(float)
    found = true.copy()
    found[:, :2, :2] *= np.array([1.1, 0.9, 1.0])[:, None, None]
    focal = (K[0, 0] + K[1, 1]) / 2
    found[0, 0, 2] += focal
    values, _ = scores(ScoredViews(ring(3), ring(3), true, found))
    assert values["focal_error"] == pytest.approx(0.2 / 3)
    assert values["principal_error"] == pytest.approx(45 / 3)
    # Views whose true K is unknown do not count; one whose estimate is missing leaves nothing to average.
    true[0] = np.nan
    values, _ = scores(ScoredViews(ring(3), ring(3), true, found))
    assert values["focal_error"] == pytest.approx(0.05) and values["principal_error"] == pytest.approx(0)
    found[1] = np.nan
    for Ks_true, Ks, words in (
        (true, found, "1 of 2 views have no estimated intrinsics"),
        (true, None, "the prediction has no intrinsics"),
        (None, found, "the data has no true intrinsics"),
    ):
        assert scores(ScoredViews(ring(3), ring(3), Ks_true, Ks))[1]["focal_error"] == words
    # What a model was given is no estimate.
    _, missing = scores(ScoredViews(ring(3), ring(3), K[None], K[None], Ks_given=True))
    assert missing["focal_error"] == "the model was given the true intrinsics and estimates none"
