"""Points that hardly determine a camera, or none, end in a diagnosis and never in an exception."""

import json

import cv2
import numpy as np
import pytest
import torch

from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.data.pairs.samples import load_pairs
from hw4.data.sample.write import write_pair
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


@pytest.mark.parametrize(("n", "failed"), [(2, 1), (4, 2)])
def test_such_views_stand_at_the_identity_where_asked(tmp_path, monkeypatch, n: int, failed: int) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise cv2.error("point_coordinate_variance >= POINT_VARIANCE_THRESHOLD")

    cameras = arc_cameras(n)
    options = Dust3rConfig(
        weights="random",
        device="cpu",
        alignment=AlignmentConfig(iterations=0, backend="upstream", on_pnp_failure="identity"),
    )
    model = dust3r_with(lambda network: SceneNetwork(network, cameras), options)
    paths = make_photos(tmp_path, n)
    plain = model.reconstruct(paths)
    assert plain.notes["identity_views"] == [] and plain.diagnoses == [None] * n
    monkeypatch.setattr(cv2, "solvePnPRansac", refusing)
    reconstruction = model.reconstruct(paths)
    views = reconstruction.notes["identity_views"]
    assert isinstance(views, list) and len(views) == failed
    assert all(reconstruction.is_valid(view) for view in range(n))
    for view in range(n):
        words = "PnP found no camera, so the identity was used: point_coordinate_variance"
        assert (words in str(reconstruction.diagnoses[view])) == (view in views)
        if view in views:
            np.testing.assert_allclose(reconstruction.cam_from_world[view], np.eye(4)[:3], atol=1e-6)
            assert reconstruction.notes["pnp"][str(view)]["method"] == "identity"
    assert reconstruction.notes["opencv"] == cv2.__version__


def test_identity_asks_no_other_solver(tmp_path) -> None:
    """Points in one place: upstream's solver finds nothing, and that counts."""
    options = Dust3rConfig(
        weights="random", device="cpu", alignment=AlignmentConfig(on_pnp_failure="identity")
    )
    model = dust3r_with(lambda network: ShapedNetwork(network, point), options)
    reconstruction = model.reconstruct(make_photos(tmp_path, 2))
    assert all(reconstruction.is_valid(view) for view in range(2))
    np.testing.assert_allclose(reconstruction.cam_from_world, np.tile(np.eye(4)[:3], (2, 1, 1)), atol=1e-6)


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
