"""The three protocols, each against arithmetic of its own: the course's script, and VGGT's evaluation."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw4.config import MetricsConfig
from hw4.data.pairs.samples import PairSample
from hw4.metrics import ACC_THRESHOLDS, AUC_THRESHOLDS
from hw4.output.homework_summary import homework_summary
from hw4.output.pose_tables import pose_table
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.predictions import FromFile
from hw4.pose.results import PoseResult
from tests.support.pairs import random_cameras

Cameras = Sequence[np.ndarray]


def made(seed: int, n: int = 12, near: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """True and estimated world-to-camera matrices (n, 2, 4, 4); small errors with `near`, one exact pair."""
    rng = np.random.default_rng(seed)
    true = random_cameras(rng, 2 * n).reshape(n, 2, 4, 4)
    estimated = true.copy()
    for pair in estimated[1:]:
        pair[1] = random_cameras(rng, 1)[0] if not near else turned(rng, 25) @ pair[1]
    return true, estimated


def turned(rng: np.random.Generator, most_deg: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(rng.normal(size=3) * np.radians(most_deg) / 2).as_matrix()
    motion[:3, 3] = 0.3 * rng.normal(size=3)
    return motion


def evaluated(true: np.ndarray, estimated: np.ndarray, folder: Path, **metrics: object) -> PoseResult:
    samples = [PairSample(idx, (Path("a"), Path("b")), pair, None) for idx, pair in enumerate(true)]
    content = {str(idx): np.linalg.inv(pair) for idx, pair in enumerate(estimated)}
    np.save(folder / "p.npy", np.array(content, dtype=object), allow_pickle=True)
    config = MetricsConfig(bootstrap=0, **metrics)  # type: ignore[arg-type]
    return evaluate_pose(samples, FromFile(folder / "p.npy"), config)


def course_errors(true: np.ndarray, estimated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The course's arithmetic on camera-to-world matrices, written down by itself."""

    def clamped_angle(cosine: float) -> float:
        return float(np.rad2deg(np.arccos(min(1 - 1e-7, max(-1 + 1e-7, cosine)))))

    rotations, translations = [], []
    for truth, guess in zip(true, estimated, strict=True):
        (p1, p2), (g1, g2) = ([np.linalg.inv(camera) for camera in pair] for pair in (truth, guess))
        want, have = p1 @ np.linalg.inv(p2), g1 @ np.linalg.inv(g2)
        rotations.append(clamped_angle((np.trace(have[:3, :3] @ want[:3, :3].T) - 1) / 2))
        a, b = (matrix[:3, 3] / np.linalg.norm(matrix[:3, 3]) for matrix in (want, have))
        angle = clamped_angle(float(a @ b))
        translations.append(min(angle, 180 - angle))
    return np.array(rotations), np.array(translations)


def course_auc(errors: np.ndarray, limit: int) -> float:
    below = [sum(error < threshold for error in errors) / len(errors) for threshold in range(1, limit + 1)]
    return sum(below) / limit


def numbers(text: str, pattern: str) -> list[float]:
    return [float(value) for value in re.findall(pattern, text)]


@pytest.mark.parametrize("mode", ["R", "T", "both"])
@pytest.mark.parametrize("seed", range(4))
def test_the_summary_is_the_courses_number_by_number(mode: str, seed: int, tmp_path: Path) -> None:
    true, estimated = made(seed)
    result = evaluated(true, estimated, tmp_path, protocol="homework", mode=mode)
    rotations, translations = course_errors(true, estimated)
    np.testing.assert_allclose([s.error.rotation_deg for s in result.samples], rotations, atol=1e-4)
    np.testing.assert_allclose([s.error.translation_deg for s in result.samples], translations, atol=1e-4)
    assert rotations.min() == pytest.approx(np.rad2deg(np.arccos(1 - 1e-7)), abs=1e-4)
    parts = {"R": [rotations], "T": [translations], "both": [rotations, translations]}[mode]
    text = homework_summary(result)
    assert text.startswith(f"Evaluation Summary (Mode: {mode})\n")
    assert numbers(text, r"samples: +(\d+)") == [12, 12, 0]
    assert numbers(text, r"error \(M.E\): ([\d.]+) deg") == pytest.approx(
        [part.mean() for part in parts], abs=6e-4
    )
    shares = [100 * np.mean(part < limit) for part in parts for limit in ACC_THRESHOLDS]
    assert numbers(text, r"Acc \(\w+\) < +\d+ deg: ([\d.]+) %") == pytest.approx(shares, abs=6e-3)
    headline = np.max(parts, axis=0)
    areas = [course_auc(headline, limit) for limit in AUC_THRESHOLDS]
    assert numbers(text, r"AUC@\d+ *: ([\d.]+)") == pytest.approx(areas, abs=6e-5)


def test_the_relative_numbers_stand_beside_and_a_difference_is_explained(tmp_path: Path) -> None:
    true, estimated = made(3)
    result = evaluated(true, estimated, tmp_path, protocol="homework")
    alone = evaluated(true, estimated, tmp_path, fold_translation=True)
    assert result.relative is not None and alone.relative is None
    assert result.relative.metrics == alone.summary.metrics
    table = pose_table(result, "made")
    assert table.columns[-1] == "by relative poses"
    mre = next(row for row in table.rows if row[0] == "MRE")
    assert mre[-1] == f"{alone.summary.metrics['MRE'].value:.3f}°" != mre[1]
    assert sum("R₁ Dᵀ R₁ᵀ" in note for note in table.notes) == 1
    # In a world whose first cameras are the identity, on both sides, the two agree and nothing is said.
    same = evaluated(
        *(pairs @ np.linalg.inv(pairs[:, :1]) for pairs in (true, estimated)), tmp_path, protocol="homework"
    )
    assert same.relative is not None
    assert same.summary.metrics["MRE"].value == pytest.approx(same.relative.metrics["MRE"].value, abs=0.03)
    again = PoseResult.from_json(result.to_json())
    assert again.relative == result.relative and again.samples[3].relative == result.samples[3].relative


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_vggts_protocol_is_that_of_its_evaluation(seed: int) -> None:
    import tempfile

    true, estimated = made(seed, n=6)
    with tempfile.TemporaryDirectory() as folder:
        result = evaluated(true, estimated, Path(folder), protocol="vggt")
        moved = evaluated(
            true @ random_cameras(np.random.default_rng(seed), 1)[0], estimated, Path(folder), protocol="vggt"
        )
    rotations, translations = [], []
    for truth, guess in zip(true, estimated, strict=True):
        want, have = (pair[0] @ np.linalg.inv(pair[1]) for pair in (truth, guess))
        cosine = (np.trace(have[:3, :3] @ want[:3, :3].T) - 1) / 2
        rotations.append(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))
        a, b = (matrix[:3, 3] / np.linalg.norm(matrix[:3, 3]) for matrix in (want, have))
        # Folded: PoseDiffusion's and VGGT's loss is 1 - (a·b)².
        translations.append(np.rad2deg(np.arccos(np.clip(np.sqrt((a @ b) ** 2), 0, 1))))
    np.testing.assert_allclose([s.error.rotation_deg for s in result.samples], rotations, atol=1e-4)
    np.testing.assert_allclose([s.error.translation_deg for s in result.samples], translations, atol=1e-4)
    metrics = {name: measured.value for name, measured in result.summary.metrics.items()}
    assert list(metrics)[:2] == ["MRE", "MTE"] and not any(name.startswith("Acc") for name in metrics)
    assert metrics["RRA@15"] == pytest.approx(np.mean(np.array(rotations) < 15))
    assert metrics["RTA@15"] == pytest.approx(np.mean(np.array(translations) < 15))
    # VGGT's calculate_auc_np: a histogram of the larger error in bins of a degree, summed up.
    histogram, _ = np.histogram(np.maximum(rotations, translations), bins=np.arange(31))
    assert metrics["AUC@30"] == pytest.approx(np.mean(np.cumsum(histogram / len(true))), abs=1e-9)
    assert result.summary.mode == "both" and result.summary.fold_translation
    for name, measured in moved.summary.metrics.items():
        assert measured.value == pytest.approx(metrics[name], abs=1e-4)
