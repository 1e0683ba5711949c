"""One sample explained: measurements on cases whose answer is known, and the words that follow."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from hw4.config import Config, InputConfig, MetricsConfig, SampleConfig
from hw4.config.root import CacheConfig, WandbConfig
from hw4.core.errors import ConfigError, UserError
from hw4.data.pairs.samples import PairSample, load_pairs
from hw4.data.sample import ensure_sample
from hw4.geometry.cameras import camera_centers
from hw4.geometry.pnp import diagnose_points
from hw4.jobs.run import run_job
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.sfm.config import SfmConfig
from hw4.pose.clouds import read_cloud
from hw4.pose.results import OK, Prediction
from hw4.pose.scoring import score_sample
from hw4.pose.true_cameras import true_cameras
from hw4.show.case.figures import shapes_figure
from hw4.show.case.matches import match_neighbours
from hw4.show.case.result import CaseInput, CaseResult
from hw4.show.case.run import run_case
from hw4.show.case.words import _how_wrong
from tests.support.cli import plan
from tests.support.pairs import random_cameras
from tests.support.pointmap_networks import ShapedNetwork, dust3r_with, line, point

pytestmark = pytest.mark.slow


def texture(seed: int, height: int = 160, width: int = 220) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = sum(s * gaussian_filter(rng.normal(size=(height, width, 3)), (s, s, 0)) for s in (2, 4, 9))
    return (255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)


def saved(folder: Path, images: Sequence[np.ndarray]) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{number}.png" for number in range(len(images)))
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


def test_parallax_is_what_no_homography_explains(tmp_path: Path) -> None:
    wall = texture(0)
    tilt = np.array([[1.02, 0.03, -4], [-0.02, 0.99, 3], [1e-4, -5e-5, 1]])
    turned = cv2.warpPerspective(wall, tilt, wall.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    # The lower half is nearer: it moves five times as far.
    far, near = texture(1), texture(2)
    layered = [np.concatenate([np.roll(far, s, 1)[:80], np.roll(near, 5 * s, 1)[80:]]) for s in (0, 4)]
    noise = np.random.default_rng(3).integers(0, 255, wall.shape, np.uint8)
    plane = match_neighbours(saved(tmp_path / "plane", [wall, turned]))[0]
    layers = match_neighbours(saved(tmp_path / "layers", layered))[0]
    nothing = match_neighbours(saved(tmp_path / "noise", [noise, far, wall]))
    assert plane.parallax.verdict == "no parallax" and plane.parallax.homography_share > 0.95
    assert plane.parallax.n_epipolar > 100
    moved = np.concatenate([plane.xy[:, 0], np.ones((len(plane.xy), 1))], 1) @ tilt.T
    errors = np.linalg.norm(moved[:, :2] / moved[:, 2:] - plane.xy[:, 1], axis=1)
    assert np.median(errors[plane.planar]) < 0.5, "what the homography explains moved as the wall did"
    assert layers.parallax.verdict == "parallax" and 0.3 < layers.parallax.homography_share < 0.8
    # 16 pixels between the layers' movements.
    assert layers.parallax.parallax_px == pytest.approx(16, abs=1.5)
    assert [m.parallax.verdict for m in nothing] == ["too few matches"] * 2
    assert [(m.parallax.first, m.parallax.second) for m in nothing] == [(0, 1), (1, 2)]


def test_truth_lies_on_a_perfect_prediction() -> None:
    rng = np.random.default_rng(0)
    truth = random_cameras(rng, 2)
    world = random_cameras(rng, 1)[0]
    # The same cameras from another world frame and at another scale, with a view between.
    predicted = np.stack([truth[0] @ world, random_cameras(rng, 1)[0], truth[1] @ world])
    predicted[:, :3, 3] *= 3.5
    shown = true_cameras(truth, predicted)
    assert shown.cam_from_world is not None
    relative = predicted @ np.linalg.inv(predicted[0])
    np.testing.assert_allclose(shown.cam_from_world, relative[[0, 2]], atol=1e-9)
    turned = truth.copy()
    turned[:, :3, 3] = np.nan
    rotation_only = true_cameras(turned, predicted)
    assert rotation_only.cam_from_world is not None and rotation_only.remark.startswith("rotation only")
    np.testing.assert_allclose(rotation_only.cam_from_world, relative[[0, 2]], atol=1e-9)
    lost = predicted.copy()
    lost[2] = np.nan
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(camera_centers(true_cameras(truth, lost).cam_from_world), axis=0)),
        np.linalg.norm(np.diff(camera_centers(truth), axis=0)),
    )
    lost[0] = np.nan
    assert true_cameras(truth, lost).cam_from_world is None and true_cameras(None, predicted).remark


class Turning(ReconstructionModel):
    """Turns the last camera by 10° too far with two views, by 4° with more; a flat cloud at depth 2."""

    name = "turning"
    weights_label = "none"

    def __init__(self, truth: np.ndarray, fails: bool = False) -> None:
        self.truth, self.fails, self.calls = truth, fails, 0

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        self.calls += 1
        n = len(image_paths)
        if self.fails and n == 2:
            raise ReconstructionFailed("nothing matches")
        cameras = np.tile(self.truth[0], (n, 1, 1))
        cameras[-1] = self.truth[1]
        wrong = Rotation.from_euler("y", 10 if n == 2 else 4, degrees=True).as_matrix()
        cameras[-1, :3, :3] = wrong @ cameras[-1, :3, :3]
        x, y = np.meshgrid(np.linspace(-1, 1, 12), np.linspace(-1, 1, 9))
        flat = np.stack([x, y, np.full_like(x, 2)], -1)
        pts3d = [((flat - c[:3, 3]) @ c[:3, :3]).astype(np.float32) for c in cameras]
        K = np.array([[12.0, 0, 6], [0, 12, 4.5], [0, 0, 1]])
        eyes, images = np.tile(np.eye(3), (n, 1, 1)), [np.zeros((9, 12, 3), np.uint8)] * n
        sizes = np.full((n, 2), (12, 9))
        return Reconstruction(cameras[:, :3], np.tile(K, (n, 1, 1)), sizes, eyes, images, pts3d)


@pytest.fixture(scope="module")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs; the frames of sample 1 only fade and zoom."""
    root = tmp_path_factory.mktemp("case") / "sample"
    return ensure_sample(SampleConfig(root=str(root), pairs=2, frames=3, width=96, height=72))


def both(root: Path, idx: int) -> dict[str, PairSample]:
    data = SampleConfig(root=str(root), sample=idx)
    return {name: load_pairs(data, InputConfig(name))[0] for name in ("pair", "interpolated")}


def about(result: CaseResult, *words: str) -> str:
    found = [s for s in result.sentences if all(word in s for word in words)]
    assert len(found) == 1, (words, result.sentences)
    return found[0]


def test_words_follow_from_measurements(sample_root: Path, tmp_path: Path) -> None:
    samples = both(sample_root, 1)
    truth = samples["pair"].cam_from_world
    assert truth is not None
    model = Turning(truth)
    result = run_case(samples, model, MetricsConfig(), tmp_path / "case")
    assert model.calls == 2, "the model is asked once per input"
    relative = Rotation.from_matrix(truth[1, :3, :3] @ truth[0, :3, :3].T)
    assert f"turned {np.degrees(relative.magnitude()):.1f}°" in about(result, "true cameras")
    assert "rotation is wrong by 10.00°" in about(result, "input=pair", "2 views")
    assert "rotation is wrong by 4.00°" in about(result, "input=interpolated", "5 views")
    assert (
        about(result, "between the photos lower")
        == "The 3 frames between the photos lower the rotation error by 6.00°."
    )
    assert "show no view between them" in about(result, "fade one photo into the other")
    assert "points are plane-like" in about(result, "input=interpolated, view 4, as reconstructed")
    assert about(result, "without PnP") and result.protocol == "relative"
    for name in ("frames.png", "cloud_pair.png", "cloud_interpolated.png", "matches_pair.png"):
        assert Image.open(tmp_path / "case" / name).width > 300
    text = (tmp_path / "case" / "case.md").read_text()
    assert all(sentence in text for sentence in result.sentences)
    assert "![Frames](frames.png)" in text and "| view 4 | plane |" in text
    cloud = read_cloud(Path(str(result.inputs[1].cloud)))
    assert cloud is not None and cloud.cam_from_world.shape == (5, 3, 4) and cloud.conf is None

    failing = run_case(
        both(sample_root, 0), Turning(truth, fails=True), MetricsConfig(), tmp_path / "failing"
    )
    assert "there is no result: nothing matches" in about(failing, "input=pair", "2 views")
    assert about(failing, "cannot be compared")
    assert "no mere cross-fade" in about(failing, "blend of the two photos")
    assert "cloud:pair" not in failing.files and "cloud:interpolated" in failing.files
    content = json.loads(json.dumps(failing.to_json(), default=lambda value: value.tolist()))
    assert content["inputs"][0]["status"] == "failed" and content["inputs"][1]["crossfade"]["found"] is False


@pytest.mark.parametrize(
    ("true_move", "estimated_move", "words"),
    [
        (1.0, 0.0, "the estimated translation is zero and has no direction"),
        (0.0, 1.0, "the true translation is zero and has no direction"),
        (np.nan, 1.0, "the true translation is not known"),
        (1.0, 1.0, "the direction of the translation by"),
    ],
)
def test_why_there_is_no_direction(true_move: float, estimated_move: float, words: str) -> None:
    cameras = np.tile(np.eye(4), (2, 1, 1))
    truth, estimate = cameras.copy(), cameras.copy()
    truth[1, 0, 3], estimate[1, 0, 3] = true_move, estimated_move
    truth[:, :3, 3] *= 1.0 if np.isfinite(true_move) else np.nan
    sample = PairSample(3, (Path("a"), Path("b")), truth, None)
    result = score_sample(sample, Prediction(3, OK, None, estimate), MetricsConfig())
    sentence = _how_wrong(CaseInput("pair", result, None, [], None, {}))
    assert words in sentence and "rotation is wrong by 0.00°" in sentence


def test_the_legend_of_the_shapes_covers_no_bar() -> None:
    shape = diagnose_points(np.random.default_rng(0).normal(size=(50, 3)))
    shapes = {f"view {number}": shape for number in range(8)}
    sample = PairSample(3, (Path("a"), Path("b")), None, None)
    result = score_sample(sample, Prediction(3, OK), MetricsConfig())
    inputs = [CaseInput(name, result, None, [], None, shapes) for name in ("pair", "interpolated")]
    figure = shapes_figure(CaseResult(3, "m", "none", "relative", inputs))
    figure.draw_without_rendering()
    (legend,) = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    assert not any(legend.get_window_extent().overlaps(axes.bbox) for axes in figure.axes)


def test_pnp_that_really_failed(sample_root: Path, tmp_path: Path) -> None:
    """A network that puts all points in one place, or on one line (which some OpenCV can solve)."""
    samples = {"pair": both(sample_root, 0)["pair"]}

    def case(shape: Callable[[torch.Tensor], torch.Tensor]) -> CaseResult:
        model = dust3r_with(lambda network: ShapedNetwork(network, shape))
        return run_case(samples, model, MetricsConfig(), tmp_path / shape.__name__)

    in_one_place = case(point)
    sentence = about(in_one_place, "SQPnP failed on view 0")
    assert "no other solver placed it. The points it was given are point-like" in sentence
    assert "there is no result: view 0 of 2 has no camera" in about(in_one_place, "input=pair", "2 views")
    assert "| 0 | PnP found no camera" in (tmp_path / "point" / "case.md").read_text()
    on_a_line = case(line)
    assert "he points it was given are line-like" in about(on_a_line, "PnP", "view 0")


def test_job_and_its_errors(sample_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(
        task="case",
        model=SfmConfig(),
        data=SampleConfig(root=str(sample_root), sample=0),
        wandb=WandbConfig(mode="disabled"),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    console = Console(quiet=True)
    with pytest.raises(UserError, match=r"task=case needs data.sample=<number of a sample>, such as 0, 1\."):
        run_job(replace(config, data=replace(config.data, sample=None)), tmp_path / "none", console)
    with pytest.raises(UserError, match=r"pairs.txt has no sample 7; data.sample can be 0, 1\."):
        run_job(replace(config, data=replace(config.data, sample=7)), tmp_path / "seven", console)
    truth = both(sample_root, 0)["pair"].cam_from_world
    assert truth is not None
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: Turning(truth))
    other = replace(config, data=replace(config.data, generator="elsewhere"))
    run_job(other, tmp_path / "pair_only", console)
    case = json.loads((tmp_path / "pair_only" / "results.json").read_text())["case"]
    assert [one["name"] for one in case["inputs"]] == ["pair"] and case["idx"] == 0
    assert "set data.generator" in case["missing"]["interpolated"]
    assert case["inputs"][0]["rotation_error_deg"] == pytest.approx(10)


def test_keys_that_the_case_reads() -> None:
    assert len(plan(["task=case", "data.sample=1,2"], multirun=True).jobs) == 2
    for unread in ("input=pair,interpolated", "splat.lr=1e-4,2e-4", "data.limit=1,2"):
        with pytest.raises(ConfigError, match="would repeat the same job"):
            plan(["task=case", "data.sample=1", unread], multirun=True)
    (job,) = plan(["+experiment=q2_case_3781", "data.root=/data"], multirun=False).jobs
    assert (job.task, job.data.sample, job.metrics.protocol) == ("case", 3781, "homework")
    assert isinstance(job.model, Dust3rConfig) and job.model.image_size == 480
