"""Samples of N views: every view is predicted, kept, written and scored."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from hw4.config import MetricsConfig
from hw4.data.views.sample import SampleViews
from hw4.output.pose_tables import failures_table
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.metrics import pair_error
from hw4.pose.predictions import FromFile, write_predictions
from hw4.pose.results import PoseResult
from hw4.pose.views import views_error
from tests.support.pairs import random_cameras
from tests.support.views import K, Oracle, ring, write_photos

CONFIG = MetricsConfig(bootstrap=0)


def views_of(folder: Path, cameras: np.ndarray, idx: int = 0, scene: str = "a") -> SampleViews:
    names = tuple(f"{scene}_{number}.png" for number in range(len(cameras)))
    paths = tuple(folder / name for name in names)
    write_photos(paths)
    return SampleViews(idx, paths, cameras, np.tile(K, (len(cameras), 1, 1)), scene=scene, names=names)


def oracle_of(*samples: SampleViews, **options: object) -> Oracle:
    cameras = {
        name: camera
        for s in samples
        for name, camera in zip(s.names, s.cam_from_world, strict=True)  # type: ignore[arg-type]
    }
    return Oracle(cameras, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["relative", "vggt"])
def test_a_perfect_prediction_is_perfect_in_any_world_and_scale(tmp_path: Path, protocol: str) -> None:
    samples = [views_of(tmp_path, ring(5)), views_of(tmp_path, ring(3, 90), 1, "b")]
    result = evaluate_pose(samples, oracle_of(*samples), MetricsConfig(bootstrap=0, protocol=protocol))
    values = {name: metric.value for name, metric in result.summary.metrics.items()}
    assert values["MRE"] == pytest.approx(0, abs=1e-5) and values["MTE"] == pytest.approx(0, abs=1e-4)
    assert {value for name, value in values.items() if name.startswith("AUC")} == {1.0}
    first = result.samples[0]
    assert first.n_views == 5 and first.true_angle_deg == pytest.approx(160, abs=60)
    # K in pixels of the photos, though the model saw them at half that size.
    assert first.prediction.Ks is not None
    np.testing.assert_allclose(first.prediction.Ks, np.tile(K, (5, 1, 1)))


def test_errors_are_means_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    true, estimated = random_cameras(rng, 4), random_cameras(rng, 4)
    found = views_error(true, estimated, CONFIG)
    pairs = [pair_error(true[[i, j]], estimated[[i, j]], CONFIG) for i, j in combinations(range(4), 2)]
    assert found.rotation_deg == pytest.approx(np.mean([float(e.rotation_deg or 0) for e in pairs]))
    assert found.translation_deg == pytest.approx(np.mean([float(e.translation_deg or 0) for e in pairs]))
    # A pair that stands in one place has no true direction, and is no failure.
    true[1, :3, 3] = true[1, :3, :3] @ true[0, :3, :3].T @ true[0, :3, 3]
    pairs = [pair_error(true[[i, j]], estimated[[i, j]], CONFIG) for i, j in combinations(range(4), 2)]
    rest = [float(e.translation_deg or 0) for e in pairs if e.has_true_direction]
    assert len(rest) == 5
    assert views_error(true, estimated, CONFIG).translation_deg == pytest.approx(np.mean(rest))


def test_an_estimate_without_direction_is_missing_with_its_reason() -> None:
    true, estimated = ring(3), ring(3)
    estimated[:, :3, 3] = 0
    found = views_error(true, estimated, CONFIG)
    assert found.rotation_deg == pytest.approx(0, abs=1e-5) and found.translation_deg is None
    assert "no direction" in str(found.reason)


def test_a_lost_view_is_said_and_never_scored_as_zero(tmp_path: Path) -> None:
    sample = views_of(tmp_path, ring(4))
    result = evaluate_pose([sample], oracle_of(sample, lost=["a_2.png"]), CONFIG)
    (one,) = result.samples
    assert one.prediction.status == "ok" and one.error.rotation_deg is None
    assert "1 of 4 views have no camera (view 2" in str(one.reason)
    assert one.prediction.cam_from_world is not None
    assert np.isnan(one.prediction.cam_from_world).all(axis=(1, 2)).tolist() == [False, False, True, False]
    table = failures_table(result)
    assert table is not None and table.rows[0][:2] == ("0", "partly")
    (none,) = evaluate_pose([sample], oracle_of(sample, lost=sample.names[1:]), CONFIG).samples
    assert none.prediction.status == "failed" and "3 of 4 views" in str(none.reason)


def test_predictions_of_all_views_are_kept_and_read_back(tmp_path: Path) -> None:
    sample = views_of(tmp_path, ring(4))
    model = oracle_of(sample, lost=["a_1.png"])
    first = evaluate_pose([sample], FromModel(model, tmp_path / "cache"), CONFIG)
    again = evaluate_pose([sample], FromModel(model, tmp_path / "cache"), CONFIG)
    assert model.calls == 1 and again.n_reused == 1
    kept, made = again.samples[0].prediction, first.samples[0].prediction
    np.testing.assert_array_equal(kept.cam_from_world, made.cam_from_world)
    np.testing.assert_array_equal(kept.Ks, made.Ks)
    read = PoseResult.from_json(first.to_json())
    back = read.samples[0].sample
    assert isinstance(back, SampleViews) and back.image_paths == sample.image_paths
    assert (back.idx, back.scene, back.names) == (0, "a", sample.names)
    np.testing.assert_array_equal(back.cam_from_world, sample.cam_from_world)


def test_a_predictions_file_holds_all_views(tmp_path: Path) -> None:
    sample, other = views_of(tmp_path, ring(4)), views_of(tmp_path, ring(3), 1, "b")
    result = evaluate_pose([sample, other], oracle_of(sample, other, lost=["a_1.png"]), CONFIG)
    write_predictions(tmp_path / "p.npy", result.samples)
    scored = evaluate_pose([sample, other], FromFile(tmp_path / "p.npy"), CONFIG)
    assert [s.error.rotation_deg is None for s in scored.samples] == [True, False]
    assert "1 of 4 views" in str(scored.samples[0].reason)
    assert scored.samples[1].error.rotation_deg == pytest.approx(0, abs=1e-5)
    # A file of another number of views is said to be.
    fewer = views_of(tmp_path, ring(2), 1, "b")
    (bad,) = evaluate_pose([fewer], FromFile(tmp_path / "p.npy"), CONFIG).samples
    assert "(3, 4, 4), not (2, 4, 4)" in str(bad.reason)
