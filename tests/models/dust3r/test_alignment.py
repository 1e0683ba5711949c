"""Points that hardly determine a camera, or none, end in a diagnosis and never in an exception."""

import json

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.data.pairs.layout import load_pairs
from hw4.data.sample.write import write_pair
from hw4.geometry import pnp
from hw4.geometry.pnp import diagnose_points, safe_pnp
from hw4.models.base import Reconstruction, ReconstructionFailed
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.registry import build_model
from hw4.models.vggt.config import VggtConfig
from hw4.pose.metrics import rotation_error_deg
from tests.support.pointmap_networks import (
    SceneNetwork,
    ShapedNetwork,
    arc_cameras,
    dust3r_with,
    line,
    make_photos,
    plane,
    point,
)

K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


def config(backend: str) -> Dust3rConfig:
    return Dust3rConfig(
        weights="random", device="cpu", alignment=AlignmentConfig(iterations=5, backend=backend)
    )


def seen_points(seed: int, n: int = 40, flat: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points, their pixels, and the camera (3, 4) that sees them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (n, 3)) * (1, 1, 0 if flat else 1)
    rotation = Rotation.from_euler("xyz", rng.uniform(-20, 20, 3), degrees=True).as_matrix()
    camera = np.hstack([rotation, [[0.1], [-0.2], [4.0]]])
    local = points @ rotation.T + camera[:, 3]
    return points, (local @ K.T)[:, :2] / local[:, 2:], camera


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_pnp_finds_a_known_camera(seed: int, flat: bool) -> None:
    points, pixels, camera = seen_points(seed, flat=flat)
    pixels[::5] += 30
    result = safe_pnp(points, pixels, K, iterations=100)
    assert result.cam_from_world is not None and result.inliers >= 30
    assert rotation_error_deg(result.cam_from_world[:, :3], camera[:, :3]) < 0.1
    np.testing.assert_allclose(result.cam_from_world[:, 3], camera[:, 3], atol=0.02)
    assert result.shape.kind == ("plane" if flat else "volume")


def test_pnp_falls_back_where_sqpnp_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenCV does on idx 3781: SQPnP raises on what RANSAC drew."""
    points, pixels, camera = seen_points(1, flat=True)
    solve = cv2.solvePnPRansac

    def refusing(*args: object, flags: int, **options: object) -> object:
        if flags == cv2.SOLVEPNP_SQPNP:
            raise cv2.error("point_coordinate_variance >= POINT_VARIANCE_THRESHOLD")
        return solve(*args, flags=flags, **options)

    monkeypatch.setattr(pnp.cv2, "solvePnPRansac", refusing)
    result = safe_pnp(points, pixels, K, iterations=100)
    assert result.method in ("EPnP", "IPPE", "iterative PnP")
    assert "POINT_VARIANCE_THRESHOLD" in str(result.problem) and "plane-like" in str(result.problem)
    assert result.cam_from_world is not None
    assert rotation_error_deg(result.cam_from_world[:, :3], camera[:, :3]) < 1


@pytest.mark.parametrize(
    ("points", "kind"),
    [
        (np.random.default_rng(0).normal(size=(50, 3)), "volume"),
        (np.random.default_rng(0).normal(size=(50, 3)) * (1, 1, 1e-4), "plane"),
        (np.random.default_rng(0).normal(size=(50, 3)) * (1, 1e-4, 1e-4), "line"),
        (np.ones((50, 3)), "point"),
        (np.ones((3, 3)), "few"),
        (np.full((50, 3), np.nan), "not finite"),
    ],
)
def test_shapes_are_told_in_any_position(points: np.ndarray, kind: str) -> None:
    turned = points @ Rotation.random(random_state=1).as_matrix().T + (0.5, -1, 3)
    shape = diagnose_points(turned)
    assert shape.kind == kind and shape.degenerate is (kind != "volume")
    assert str(shape)
    if kind in ("plane", "line"):
        expected = np.linalg.svd(points - points.mean(0), compute_uv=False) / np.sqrt(50)
        np.testing.assert_allclose(shape.singular_values, expected, rtol=1e-6, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 30),
    st.sampled_from([1.0, 0.0, 1e-7, np.nan, np.inf, 1e20]),
    st.sampled_from([1.0, 0.0, 1e-7]),
    st.integers(0, 1000),
)
def test_pnp_never_raises(n: int, x: float, y: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3)) * np.array([x, y, 1.0])
    result = safe_pnp(points, rng.uniform(0, 60, (n, 2)), K)
    assert (result.cam_from_world is None) == (result.method == "none")
    assert result.cam_from_world is None or np.isfinite(result.cam_from_world).all()
    assert result.cam_from_world is not None or result.problem


@pytest.mark.parametrize(("n", "backend"), [(2, "upstream"), (3, "fast"), (3, "upstream")])
@pytest.mark.parametrize("shape", [plane, line, point], ids=lambda shape: shape.__name__)
def test_degenerate_pointmaps_are_diagnosed(tmp_path, shape, n: int, backend: str) -> None:
    model = dust3r_with(lambda network: ShapedNetwork(network, shape), config(backend))
    reconstruction = model.reconstruct(make_photos(tmp_path, n))
    assert len(reconstruction.diagnoses) == n
    assert all(f"points are {shape.__name__}-like" in str(d) for d in reconstruction.diagnoses)
    # Points in one place give only the reference view a camera; the others have none, and say so.
    placed = [reconstruction.is_valid(view) for view in range(n)]
    assert sum(placed) == (1 if shape is point else n)
    assert_unplaced_say_why(reconstruction)


def assert_unplaced_say_why(reconstruction: Reconstruction) -> None:
    for view, diagnosis in enumerate(reconstruction.diagnoses):
        if not reconstruction.is_valid(view):
            assert np.isnan(reconstruction.cam_from_world[view]).all()
            assert str(diagnosis).count("PnP found no camera") == 1


@pytest.mark.parametrize(("n", "failed"), [(2, 1), (4, 2)])
def test_views_that_no_solver_places_have_one_diagnosis_each(
    tmp_path, monkeypatch, n: int, failed: int
) -> None:
    """Everything in OpenCV raises, upstream's own call of it too."""

    def refusing(*_: object, **__: object) -> None:
        raise cv2.error("point_coordinate_variance >= POINT_VARIANCE_THRESHOLD")

    cameras = arc_cameras(n)
    model = dust3r_with(lambda network: SceneNetwork(network, cameras), config("upstream"))
    paths = make_photos(tmp_path, n)
    assert model.reconstruct(paths).diagnoses == [None] * n
    monkeypatch.setattr(cv2, "solvePnPRansac", refusing)
    reconstruction = model.reconstruct(paths)
    said = [diagnosis for diagnosis in reconstruction.diagnoses if diagnosis]
    assert len(said) == failed == sum(not reconstruction.is_valid(view) for view in range(n))
    assert all("POINT_VARIANCE_THRESHOLD" in text for text in said)
    assert_unplaced_say_why(reconstruction)


@pytest.mark.parametrize("n", [2, 4])
def test_too_few_confident_points_are_said_and_the_others_used(tmp_path, n: int) -> None:
    """Confidences between 1, DUSt3R's lowest, and 2: everywhere below upstream's threshold of 3."""
    cameras = arc_cameras(n)

    class Unsure(SceneNetwork):
        def forward(self, view1, view2):
            predictions = super().forward(view1, view2)
            for prediction in predictions:
                prediction["conf"] = 1 + torch.tanh(prediction["conf"] - 1)
            return predictions

    model = dust3r_with(lambda network: Unsure(network, cameras, confidence=0.0), config("upstream"))
    reconstruction = model.reconstruct(make_photos(tmp_path, n))
    words = "too few pixels are surer" if n == 2 else "too few confident pixels"
    assert any(words in str(diagnosis) for diagnosis in reconstruction.diagnoses)
    for view in range(n):
        ours = reconstruction.cam_from_world[view, :, :3] @ reconstruction.cam_from_world[0, :, :3].T
        assert rotation_error_deg(ours, cameras[view, :3, :3] @ cameras[0, :3, :3].T) < 5


@pytest.mark.parametrize("backend", ["fast", "upstream"])
def test_pointmaps_partly_not_finite_are_diagnosed(tmp_path, backend: str) -> None:
    def holes(points: torch.Tensor) -> torch.Tensor:
        points = points.clone()
        points[:, :5] = float("nan")
        return points

    model = dust3r_with(lambda network: ShapedNetwork(network, holes), config(backend))
    reconstruction = model.reconstruct(make_photos(tmp_path, 3))
    assert all("not finite" in str(d) for d in reconstruction.diagnoses)


def test_nothing_finite_is_a_failure_with_its_reason(tmp_path) -> None:
    model = dust3r_with(lambda network: ShapedNetwork(network, lambda p: p * float("nan")), config("fast"))
    with pytest.raises(ReconstructionFailed, match="finite"):
        model.reconstruct(make_photos(tmp_path, 2))


@pytest.mark.parametrize("model", ["dust3r fast", "dust3r upstream", "vggt"])
def test_the_samples_degenerate_sequence_raises_nothing(tmp_path, model: str) -> None:
    sample = SampleConfig(pairs=2, frames=4)
    truth = write_pair(tmp_path, sample, 1)
    (tmp_path / "gt.json").write_text(json.dumps({1: truth}))
    (tmp_path / "pairs.txt").write_text("idx img1 img2\n1 0001_a.png 0001_b.png\n")
    pairs = load_pairs(PairsConfig(root=str(tmp_path), generator="sample"), InputConfig(name="interpolated"))
    vggt = VggtConfig(weights="random", device="cpu")
    network = vggt if model == "vggt" else config(model.split()[1])
    reconstruction = build_model(network).reconstruct(pairs[0].image_paths)
    assert reconstruction.n_views == 6
    for view in range(6):
        assert reconstruction.is_valid(view) or reconstruction.diagnoses[view]
