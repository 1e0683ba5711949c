"""Depths and points against true depth maps: closed forms, brute force, any gauge, and every reason."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hw4.config import MetricsConfig
from hw4.core.metric import MetricUnavailable
from hw4.data.views.depth import ARRAY, DepthFile
from hw4.data.views.sample import SampleViews
from hw4.geometry.cameras import moved, unprojected
from hw4.models.base import Reconstruction
from hw4.pose.dense import Dense, dense_of, dense_path, read_dense
from hw4.pose.depth_scores import (
    depths_of,
    least_squares_scale,
    median_scale,
    points_of,
    relative_error,
    share_right,
)
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.view_scores import ScoredViews, scores
from tests.support.views import SIZE, K, Oracle, ring, write_photos

# The network sees photos at half size, and depth maps have its size: pixels have the same centres.
WIDTH, HEIGHT = SIZE[0] // 2, SIZE[1] // 2
DEPTH_NAMES = ["abs_rel", "delta_125", "abs_rel_lsq", "delta_125_lsq"]
POINT_NAMES = ["point_accuracy", "point_completeness", "point_f_score"]


class Deep(Oracle):
    """Gives true depths or points too, in its own scale and world, times `noise` (per pixel)."""

    thread_safe = False

    def __init__(self, cameras: dict[str, np.ndarray], gives: tuple[str, ...], noise: Any = 1.0) -> None:
        super().__init__(cameras)
        self.gives, self.noise = gives, noise

    def reconstruct(self, image_paths: Any, Ks: Any = None, seed: int = 0) -> Reconstruction:
        found = super().reconstruct(image_paths, Ks, seed)
        depth = [self.scale * true_depth(path.name) * self.noise for path in image_paths]
        points = [
            unprojected(pixels(), z.ravel(), K_half, camera).reshape(HEIGHT, WIDTH, 3)
            for z, K_half, camera in zip(depth, found.Ks, found.cam_from_world, strict=True)
        ]
        return replace(
            found,
            depth=depth if "depth" in self.gives else None,
            pts3d=points if "points" in self.gives else None,
        )


def true_depth(name: str) -> np.ndarray:
    """A smooth surface, another one for each view."""
    phase = sum(map(ord, name))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return 3 + 0.5 * np.sin(phase + columns / 5) + 0.3 * np.cos(rows / 4)


def pixels() -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)


def sample(folder: Path, n: int = 4) -> SampleViews:
    names = tuple(f"{number}.png" for number in range(n))
    paths = tuple(folder / name for name in names)
    write_photos(paths)
    for path in paths:
        np.save(path.with_suffix(".npy"), true_depth(path.name))
    depths = tuple(DepthFile(path.with_suffix(".npy"), 1.0, ARRAY) for path in paths)
    return SampleViews(0, paths, ring(n), np.tile(K, (n, 1, 1)), scene="a", names=names, depths=depths)


def model(of: SampleViews, gives: tuple[str, ...], noise: Any = 1.0) -> Deep:
    assert of.cam_from_world is not None
    return Deep(dict(zip(of.names, of.cam_from_world, strict=True)), gives, noise)


def dense(of: SampleViews, gives: tuple[str, ...], noise: Any = 1.0) -> Dense:
    return dense_of(model(of, gives, noise).reconstruct(of.image_paths))


def scored(of: SampleViews, found: Dense | None, **changes: Any) -> tuple[dict[str, float], dict[str, str]]:
    assert of.cam_from_world is not None
    views = ScoredViews(of.cam_from_world, of.cam_from_world, of.Ks, of.Ks, False, of.depths, found)
    return scores(replace(views, **changes))


@pytest.mark.parametrize("gives", [("depth",), ("points",), ("depth", "points")])
def test_a_perfect_prediction_is_perfect_in_its_own_scale_and_world(
    tmp_path: Path, gives: tuple[str, ...]
) -> None:
    of = sample(tmp_path)
    values, missing = scored(of, dense(of, gives))
    assert not {*DEPTH_NAMES, *POINT_NAMES} & missing.keys()
    expected = {name: float(name.startswith("delta") or name == "point_f_score") for name in DEPTH_NAMES}
    expected |= {"point_accuracy": 0.0, "point_completeness": 0.0, "point_f_score": 1.0}
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_depths_by_closed_forms_and_an_independent_solver() -> None:
    true, found = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.4, 6.0])
    assert median_scale(true, found) == pytest.approx(2 / 4.4)
    expected = np.linalg.lstsq(found[:, None], true, rcond=None)[0][0]
    assert least_squares_scale(true, found) == pytest.approx(expected)
    assert relative_error(true, 0.5 * found) == pytest.approx((0 + 0.1 + 0.25) / 3)
    # 4 / 3 is too far, whichever way round.
    assert share_right(true, 0.5 * found) == share_right(0.5 * found, true) == pytest.approx(2 / 3)


def test_depths_are_those_of_the_pixels(tmp_path: Path) -> None:
    of = sample(tmp_path)
    noise = np.random.default_rng(0).uniform(0.7, 1.3, (HEIGHT, WIDTH))
    values, _ = scored(of, dense(of, ("depth",), noise))
    true = np.concatenate([true_depth(name).ravel() for name in of.names])
    found = np.concatenate([(true_depth(name) * noise).ravel() for name in of.names])
    ratio = found * np.median(true) / np.median(found) / true
    assert values["abs_rel"] == pytest.approx(np.abs(ratio - 1).mean(), rel=1e-4)
    assert values["delta_125"] == pytest.approx(((ratio < 1.25) & (ratio > 0.8)).mean(), abs=2 / len(true))


def test_points_by_brute_force_and_evos_alignment(tmp_path: Path) -> None:
    geometry = pytest.importorskip("evo.core.geometry")
    of = sample(tmp_path, 3)
    noise = np.random.default_rng(1).uniform(0.9, 1.1, (HEIGHT, WIDTH))
    found = dense(of, ("points",), noise)
    assert of.cam_from_world is not None and of.Ks is not None
    true = np.concatenate(
        [
            unprojected(2 * pixels(), true_depth(name).ravel(), K, camera)
            for name, camera in zip(of.names, of.cam_from_world, strict=True)
        ]
    )
    rotation, shift, scale = geometry.umeyama_alignment(found.pts3d.T.astype(float), true.T, True)
    distances = cdist(scale * found.pts3d @ rotation.T + shift, true)
    accuracy, completeness = distances.min(axis=1), distances.min(axis=0)
    points = points_of(found, depths_of(found, of.depths), of.cam_from_world, of.Ks)
    assert points.accuracy == pytest.approx(accuracy.mean(), rel=1e-4)
    assert points.completeness == pytest.approx(completeness.mean(), rel=1e-4)
    near = 0.02 * np.median(np.concatenate([true_depth(name).ravel() for name in of.names]))
    p, r = (accuracy < near).mean(), (completeness < near).mean()
    assert points.f_score == pytest.approx(2 * p * r / (p + r), abs=0.01) and 0.05 < p < 1


def test_pixels_are_places_in_the_photo(tmp_path: Path) -> None:
    of = sample(tmp_path, 2)
    found = dense(of, ("depth",))
    at = found.view == 1
    np.testing.assert_allclose(found.uv[at], pixels() / [WIDTH, HEIGHT], atol=1e-6)
    np.testing.assert_array_equal(found.sizes, [SIZE, SIZE])
    # A border around the photo shows nothing of it.
    wide = model(of, ("depth",)).reconstruct(of.image_paths)
    wide.original_from_model[:, 0, 2] = -8
    assert len(dense_of(wide).view) == (WIDTH - 4) * HEIGHT * 2
    point = unprojected(np.array([[3.0, 4.0]]), np.array([2.0]), K, ring(3)[2])
    seen = moved(point, ring(3)[2])[0]
    assert seen[2] == pytest.approx(2) and (K @ seen)[:2] / seen[2] == pytest.approx([3, 4])


def test_an_evaluation_keeps_them_in_its_cache(tmp_path: Path) -> None:
    of, config = sample(tmp_path / "photos"), MetricsConfig(bootstrap=0)
    for _ in range(2):
        result = evaluate_pose([of], FromModel(model(of, ("depth",)), tmp_path / "cache"), config)
        assert result.summary.metrics["abs_rel"].value == pytest.approx(0, abs=1e-5)
    assert result.n_reused == 1
    cloud = tmp_path / "cache" / str(result.samples[0].prediction.cloud)
    assert read_dense(cloud) is not None
    dense_path(cloud).write_bytes(b"damaged")
    result = evaluate_pose([of], FromModel(model(of, ("depth",)), tmp_path / "cache"), config)
    why = "no depth is kept with this prediction; cache.reuse=false computes it"
    assert result.summary.metrics["point_accuracy"].reason == result.samples[0].missing["abs_rel"] == why
    # A sample whose data has no depth maps costs no file.
    without = replace(of, depths=None)
    result = evaluate_pose([without], FromModel(model(of, ("depth",)), tmp_path / "other"), config)
    assert not list((tmp_path / "other").rglob("*.dense.npz"))
    assert result.summary.metrics["abs_rel"].reason == "the data has no true depth maps"


def test_what_is_missing_has_its_reason(tmp_path: Path) -> None:
    of = sample(tmp_path)
    found = dense(of, ("depth",))
    assert scored(of, dense(of, ()))[1]["abs_rel"] == "the model gives no depth"
    values, missing = scored(of, found, Ks_true=None)
    assert "abs_rel" in values and "needs the true intrinsics" in missing["point_f_score"]
    lost = replace(found, depth=np.where(found.view == 2, np.nan, found.depth))
    assert scored(of, lost)[1]["delta_125"] == "1 of 4 views have no predicted depth"
    # A view without a true depth map is no loss.
    assert of.depths is not None
    fewer = replace(of, depths=(*of.depths[:2], None, of.depths[3]))
    assert scored(fewer, lost)[0]["delta_125"] == pytest.approx(1)
    np.save(tmp_path / "0.npy", np.full((HEIGHT, WIDTH), np.nan))
    few = replace(of, depths=(of.depths[0], None, None, None))
    assert "fewer than 10 pixels" in scored(few, found)[1]["abs_rel"]
    (tmp_path / "0.npy").write_bytes(b"damaged")
    with pytest.raises(MetricUnavailable, match=r"cannot read the depth map .*0\.npy"):
        depths_of(found, of.depths)
