"""Structure from motion on rendered photos of known cameras, and what it says where it fails; devices."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.core.colmap import pycolmap
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample, load_pairs
from hw4.data.sample.write import write_pair
from hw4.geometry.epipolar import epipolar_distances_px
from hw4.models.base import GIVEN_KS, ReconstructionFailed
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.matches import matches_of
from hw4.models.network.devices import per_device, pick_device, pick_dtype, tf32
from hw4.models.registry import build_model
from hw4.models.sfm import features as sift
from hw4.models.sfm import two_view
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.features import Features, extract, match
from hw4.models.sfm.mapping import pairs_to_match
from hw4.models.sfm.model import SfmModel
from hw4.models.vggt.config import VggtConfig
from hw4.pose import predict
from hw4.pose.metrics import rotation_error_deg
from hw4.pretrain.train import training_dtype

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[PairSample]]:
    """Two pairs of the sample set, alone and as sequences."""
    root = tmp_path_factory.mktemp("pairs")
    config = SampleConfig(pairs=40, frames=5)
    truth = {idx: write_pair(root, config, idx) for idx in (1, 3)}
    (root / "gt.json").write_text(json.dumps(truth))
    rows = "".join(f"{idx} {idx:04d}_a.png {idx:04d}_b.png\n" for idx in truth)
    (root / "pairs.txt").write_text("idx img1 img2\n" + rows)
    source = PairsConfig(root=str(root), generator="sample")
    return {name: load_pairs(source, InputConfig(name=name)) for name in ("pair", "interpolated")}


def relative_error_deg(cameras: np.ndarray, sample: PairSample) -> float:
    assert sample.cam_from_world is not None
    first, second = sample.cam_from_world[:, :3, :3]
    return rotation_error_deg(cameras[-1, :, :3] @ cameras[0, :, :3].T, second @ first.T)


@pytest.mark.parametrize("name", ["pair", "interpolated"])
@pytest.mark.parametrize("place", [0, 1])
def test_the_relative_rotation_is_right(samples, name: str, place: int) -> None:
    sample = samples[name][place]
    reconstruction = SfmModel(SfmConfig()).reconstruct(sample.image_paths, sample.Ks)
    assert relative_error_deg(reconstruction.cam_from_world, sample) < 3
    assert reconstruction.points is not None and len(reconstruction.points) > 15
    np.testing.assert_allclose(reconstruction.Ks_original[0], sample.Ks[0], rtol=1e-6)
    assert reconstruction.notes[GIVEN_KS] is True
    matches = matches_of(reconstruction)
    assert matches is not None and sample.cam_from_world is not None
    off = epipolar_distances_px(matches.xy, sample.cam_from_world, sample.Ks[[0, -1]])
    assert off is not None and matches.verified.sum() >= 15
    assert np.median(off[matches.verified]) < 1, "the photos' own pixels, and in the order of the photos"


def test_the_same_seed_gives_the_same_cameras(samples) -> None:
    sample = samples["interpolated"][0]
    one, other = (SfmModel(SfmConfig()).reconstruct(sample.image_paths, sample.Ks, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.cam_from_world, other.cam_from_world)


def test_trials_without_a_limit_find_the_same_camera(samples, monkeypatch) -> None:
    sample = samples["pair"][0]
    one = SfmModel(SfmConfig()).reconstruct(sample.image_paths, sample.Ks)
    monkeypatch.setattr(two_view, "limit_trials", lambda *_: None)
    other = SfmModel(SfmConfig()).reconstruct(sample.image_paths, sample.Ks)
    assert one.notes == other.notes
    np.testing.assert_array_equal(one.cam_from_world, other.cam_from_world)


@pytest.mark.parametrize(("matches", "trials"), [(1000, 10000), (40, 929), (15, 100), (5, 100)])
def test_a_pair_is_given_up_when_enough_inliers_would_have_been_found(matches: int, trials: int) -> None:
    """1 - (1 - 0.375^5)^929 is 0.999."""
    ransac = pycolmap.TwoViewGeometryOptions().ransac
    ransac.min_inlier_ratio = 0.01
    two_view.limit_trials(ransac, matches, 15, 5)
    assert ransac.max_num_trials == trials


def test_several_scenes_at_a_time_are_those_of_one_after_another(samples, monkeypatch) -> None:
    both = [*samples["interpolated"], *samples["pair"]]
    model = SfmModel(SfmConfig())
    assert model.thread_safe and model.config.thread_safe
    found = {}
    for cores in (1, 4):
        monkeypatch.setattr(predict, "usable_cores", lambda cores=cores: cores)
        found[cores] = list(predict.predict_samples(model, both, seed=0))
    for one, other in zip(found[1], found[4], strict=True):
        assert one.notes == other.notes
        np.testing.assert_array_equal(one.cam_from_world, other.cam_from_world)


def test_features_are_those_of_the_extractor_for_arrays(samples) -> None:
    paths = samples["interpolated"][0].image_paths[:3]
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.sift.max_num_features, options.sift.peak_threshold = 500, 0.0033
    extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
    found = extract(paths, SfmConfig(max_features=500, threads=2))
    for path, features in zip(paths, found, strict=True):
        keypoints, descriptors = extractor.extract_from_uint8_array(np.asarray(Image.open(path).convert("L")))
        expected = pycolmap.keypoints_to_matrix(keypoints)[:, :2]
        np.testing.assert_array_equal(features.keypoints[:, :2], expected)
        np.testing.assert_array_equal(features.descriptors, descriptors.data)
        assert len(features.keypoints) > 100


def nearest_of_both(first: np.ndarray, second: np.ndarray, max_ratio: float) -> np.ndarray:
    """Lowe's ratio and the cross-check, from the table of all angles."""
    if min(len(first), len(second)) < 2:
        return np.zeros((0, 2))
    angles = np.arccos(np.clip(first @ second.T / 512.0**2, -1, 1))
    ordered, nearest = np.sort(angles, axis=1), angles.argmin(axis=1)
    good = (ordered[:, 0] < 0.7) & (ordered[:, 0] < max_ratio * ordered[:, 1])
    rows = np.flatnonzero(good & (angles.argmin(axis=0)[nearest] == np.arange(len(first))))
    return np.stack([rows, nearest[rows]], axis=1)


def test_matches_are_mutual_nearest_neighbours_ties_and_blocks_included(monkeypatch) -> None:
    monkeypatch.setattr(sift, "BLOCK", 7)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(100):
        # Few different descriptors: many are equally near.
        one, other = (150 * rng.integers(0, 3, (rng.integers(0, 30), 3)).astype(np.float32) for _ in range(2))
        views = [Features(np.zeros((len(d), 6)), d, np.zeros(0), (1, 1), np.eye(3)) for d in (one, other)]
        matches = match(views[0], views[1], 0.8)
        np.testing.assert_array_equal(matches, nearest_of_both(one, other, 0.8))
        found += len(matches)
    assert found > 20


@pytest.mark.parametrize("overlap", [0, 10**12])
def test_a_window_past_the_end_matches_all(overlap: int) -> None:
    assert sorted(pairs_to_match(5, overlap)) == list(combinations(range(5), 2))


def test_a_guessed_focal_length_does_too(samples) -> None:
    sample = samples["interpolated"][0]
    model = SfmModel(SfmConfig(intrinsics="guess"))
    found = model.reconstruct(sample.image_paths, sample.Ks)
    assert relative_error_deg(found.cam_from_world, sample) < 10 and GIVEN_KS not in found.notes


@pytest.mark.parametrize("n", [2, 4])
def test_photos_without_texture_fail_with_the_reason(tmp_path: Path, n: int) -> None:
    paths = [tmp_path / f"{view}.png" for view in range(n)]
    for path in paths:
        Image.new("RGB", (80, 60), (120, 120, 120)).save(path)
    with pytest.raises(ReconstructionFailed, match="verified matches") as failed:
        SfmModel(SfmConfig()).reconstruct(paths)
    assert ".png" not in str(failed.value), "it is kept for these pictures, under any names"


def test_a_foreign_view_in_a_sequence_is_diagnosed(samples, tmp_path: Path) -> None:
    sample = samples["interpolated"][0]
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)).save(noise)
    paths = [*sample.image_paths[:3], noise, *sample.image_paths[3:]]
    reconstruction = SfmModel(SfmConfig()).reconstruct(paths)
    assert not reconstruction.is_valid(3) and "not registered" in str(reconstruction.diagnoses[3])
    assert relative_error_deg(reconstruction.cam_from_world, sample) < 10


def test_an_unreadable_photo_is_one_sentence(samples, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    with pytest.raises(UserError, match=r"cannot read image .*broken\.png"):
        SfmModel(SfmConfig()).reconstruct([samples["pair"][0].image_paths[0], tmp_path / "broken.png"])


@pytest.mark.parametrize("model", [Dust3rConfig, VggtConfig])
def test_a_gpu_that_is_not_there_is_one_sentence(model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA GPU") as raised:
        build_model(model(weights="random", device="cuda"))
    assert "model.device=auto or cpu" in str(raised.value) and "\n" not in str(raised.value)
    assert pick_device(model(device="auto")) == torch.device("cpu")


def test_auto_takes_the_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    cuda = torch.device("cuda")
    assert pick_device(VggtConfig(device="auto")) == pick_device(VggtConfig(device="cuda")) == cuda
    assert pick_device(VggtConfig(device="cpu")) == torch.device("cpu")
    # As upstream runs them.
    assert pick_dtype(VggtConfig(), cuda, fast=True) == torch.bfloat16
    assert pick_dtype(VggtConfig(), torch.device("cpu"), fast=True) == torch.float32
    assert pick_dtype(Dust3rConfig(), cuda) == torch.float32
    assert pick_dtype(Dust3rConfig(dtype="bfloat16"), cuda) == torch.bfloat16
    assert training_dtype(cuda) == torch.bfloat16
    # V100 and T4 emulate bfloat16.
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert pick_dtype(VggtConfig(), cuda, fast=True) == torch.float16
    assert training_dtype(cuda) == torch.float32


def test_a_gpu_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device(VggtConfig(device="cuda:1")) == torch.device("cuda:1")
    with pytest.raises(UserError, match="the last of 2 GPUs here is cuda:1"):
        pick_device(VggtConfig(device="cuda:2"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match="finds no Apple GPU"):
        pick_device(VggtConfig(device="mps"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device(VggtConfig(device="mps")) == torch.device("mps")
    assert per_device({"cpu": 1, "cuda": 2}, torch.device("mps")) == 2
    before = torch.backends.cuda.matmul.allow_tf32
    with tf32(torch.device("cpu")):
        assert torch.backends.cuda.matmul.allow_tf32 == before
    with tf32(torch.device("cuda")):
        assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32 == before


@pytest.mark.parametrize("model", [Dust3rConfig, VggtConfig])
def test_half_precision_runs_and_stays_near_single(samples, model) -> None:
    paths = samples["pair"][0].image_paths
    single, half = (
        build_model(model(weights="random", device="cpu", dtype=dtype)).reconstruct(paths)
        for dtype in ("float32", "bfloat16")
    )
    # Confidences: what the networks say that no later choice of a world frame or scale changes.
    one, other = np.stack(single.conf), np.stack(half.conf)
    difference = np.abs(one - other).max() / np.abs(one).max()
    assert 0 < difference < 0.05
