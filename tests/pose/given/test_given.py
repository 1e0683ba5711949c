"""Predictions in files of other programs: perfect ones have no error, in any world frame and scale."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.spatial.transform import Rotation

from hw4.config import Config, MetricsConfig, PairsConfig
from hw4.config.root import CacheConfig, ReportConfig, ScoreConfig, WandbConfig
from hw4.core.colmap import pycolmap
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.photos import time_in
from hw4.data.stamps import inputs_stamp
from hw4.data.views.sample import SampleViews
from hw4.jobs.run import run_job
from hw4.models.clouds import Cloud
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.given.readers import predictions_of
from hw4.pose.results import PoseResult
from hw4.show.export.scene import ExportScene, ExportView
from hw4.show.export.write import export_scene
from tests.support.views import SIZE, K, ring

N = 5
STAMPS = [f"{1305031450.1 + 0.5 * number:.6f}" for number in range(N)]
NOTHING = Cloud(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), None, 0)
Write = Callable[[np.ndarray, list[str], Path], Path]


def elsewhere(cameras: np.ndarray) -> np.ndarray:
    """The same cameras in another world frame and scale."""
    world = np.eye(4)
    world[:3, :3] = Rotation.random(random_state=4).as_matrix()
    world[:3, 3] = (5, -2, 1)
    moved = cameras @ world
    moved[:, :3, 3] *= 3.5
    return np.asarray(moved)


def sample(idx: int = 0, places: slice = slice(None), scene: str = "") -> SampleViews:
    cameras = ring(N)[places]
    names = tuple(f"rgb/{stamp}.png" for stamp in STAMPS[places])
    paths = tuple(Path("/gone") / name for name in names)
    return SampleViews(idx, paths, cameras, np.tile(K, (len(cameras), 1, 1)), scene=scene, names=names)


def exported(name: str) -> Write:
    def write(cameras: np.ndarray, names: list[str], folder: Path) -> Path:
        views = [ExportView(n, c[:3], K, SIZE, None) for n, c in zip(names, cameras, strict=True)]
        done = export_scene(ExportScene(tuple(views), NOTHING), [name], folder)
        return Path(done.files[name])

    return write


def as_npz(cameras: np.ndarray, names: list[str], folder: Path) -> Path:
    folder.mkdir()
    np.savez(folder / "0.npz", world_from_cam=np.linalg.inv(cameras), Ks=np.tile(K, (len(cameras), 1, 1)))
    return folder


FORMATS = {
    "colmap": exported("colmap"),
    "colmap_text": exported("colmap_text"),
    "nerfstudio": exported("nerfstudio"),
    "tum": exported("tum"),
    "npz": as_npz,
}


def scored(path: Path, *samples: PairSample) -> PoseResult:
    return evaluate_pose(samples, predictions_of(path, 0.02), MetricsConfig(bootstrap=0))


@pytest.mark.parametrize("name", FORMATS)
def test_perfect_predictions_have_no_error(name: str, tmp_path: Path) -> None:
    # The last photo's name without its folder: the end of the path is enough.
    names = [f"{stamp}.png" for stamp in STAMPS]
    path = FORMATS[name](elsewhere(ring(N)), names, tmp_path / "out")
    result = scored(path, sample())
    (one,) = result.samples
    assert one.prediction.status == "ok" and "predictions" in result.model and result.weights == path.name
    assert one.error.rotation_deg == pytest.approx(0, abs=1e-4)
    assert one.error.translation_deg == pytest.approx(0, abs=1e-4)
    if name != "tum":
        np.testing.assert_allclose(one.prediction.Ks, np.tile(K, (N, 1, 1)))


@pytest.mark.parametrize("name", ["colmap", "nerfstudio", "tum"])
def test_pairs_are_found_by_the_names_of_their_photos(name: str, tmp_path: Path) -> None:
    cameras = ring(N)
    path = FORMATS[name](elsewhere(cameras), [f"{stamp}.png" for stamp in STAMPS], tmp_path / "out")
    photos = [Path(f"/gone/{stamp}.png") for stamp in STAMPS]
    pairs = [
        PairSample(1, (photos[0], photos[3]), cameras[[0, 3]], None),
        PairSample(2, (photos[1], Path("/gone/77.5.png")), cameras[[1, 2]], None),
    ]
    result = scored(path, *pairs)
    assert result.samples[0].error.rotation_deg == pytest.approx(0, abs=1e-4)
    assert [one.prediction.status for one in result.samples] == ["ok", "failed"]
    assert "1 of 2 views have no camera (view 1: not in the" in str(result.samples[1].reason)


@pytest.mark.parametrize("name", FORMATS)
def test_a_view_that_is_not_there_has_no_camera(name: str, tmp_path: Path) -> None:
    cameras, names = elsewhere(ring(N)), [f"{stamp}.png" for stamp in STAMPS]
    if name == "npz":
        cameras = cameras[:]
        (tmp_path / "out").mkdir()
        cameras[2] = np.nan
        np.savez(tmp_path / "out" / "0.npz", cam_from_world=cameras)
        path = tmp_path / "out"
    else:
        keep = [0, 1, 3, 4]
        path = FORMATS[name](cameras[keep], [names[i] for i in keep], tmp_path / "out")
    (one,) = scored(path, sample()).samples
    cameras_found = one.prediction.cam_from_world
    assert cameras_found is not None
    assert np.isfinite(cameras_found).all(axis=(1, 2)).tolist() == [True, True, False, True, True]
    assert one.error.rotation_deg is None and "view 2: not in the" in str(one.reason)


def test_each_scene_may_have_its_own_model(tmp_path: Path) -> None:
    names = [f"{stamp}.png" for stamp in STAMPS]
    for scene, cameras in (("attic", ring(N)), ("cellar", ring(N)[::-1])):
        FORMATS["colmap"](cameras, names, tmp_path / "models" / scene)
        (tmp_path / "models" / scene / "colmap" / "sparse").rename(tmp_path / "models" / scene / "sparse")
        (tmp_path / "paths").mkdir(exist_ok=True)
        FORMATS["tum"](cameras, names, tmp_path / scene).rename(tmp_path / "paths" / f"{scene}.txt")
    samples = [sample(0, scene="attic"), sample(1, scene="cellar"), sample(2, scene="garret")]
    for folder in ("models", "paths"):
        result = scored(tmp_path / folder, *samples)
        errors = [one.error.rotation_deg for one in result.samples]
        assert errors[0] == pytest.approx(0, abs=1e-4) and errors[1] is not None and errors[1] > 30
        assert errors[2] is None


def test_what_cannot_be_used_is_the_reason_of_its_sample(tmp_path: Path) -> None:
    cameras = ring(N)
    np.savez(tmp_path / "0.npz", cam_from_world=cameras)
    np.savez(tmp_path / "1.npz", cam_from_world=cameras[:3])
    np.savez(tmp_path / "2.npz", cam_from_world=np.array([None]), allow_pickle=True)
    np.savez(tmp_path / "3.npz", poses=cameras)
    result = scored(tmp_path, *(sample(idx) for idx in range(5)))
    assert [one.prediction.status for one in result.samples] == ["ok", *["bad_input"] * 3, "failed"]
    reasons = [str(one.reason) for one in result.samples[1:]]
    assert "shape (3, 4, 4), not (5, 3, 4)" in reasons[0] and "holds Python objects" in reasons[1]
    assert "neither of cam_from_world and world_from_cam" in reasons[2]
    assert reasons[3] == "not in the folder of .npz"


def test_what_is_no_prediction_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no predictions: neither <sample>.npz, a COLMAP model"):
        predictions_of(tmp_path, 0.02)
    with pytest.raises(UserError, match="cannot read"):
        scored(tmp_path / "none.npy", sample())
    path = FORMATS["tum"](ring(N), [f"{number}.png" for number in range(N)], tmp_path / "a")
    with pytest.raises(UserError, match="taken for TUM trajectory, says nothing of any sample .* such as 0"):
        scored(path, sample())
    unnamed = PairSample(0, (Path("left.png"), Path("right.png")), ring(2), None)
    (one,) = scored(path, unnamed).samples
    assert "the name left.png tells no time" in str(one.reason)
    path.write_text("0 1 2\n")
    (one,) = scored(path, sample()).samples
    assert "a line that is not 'timestamp tx ty tz qx qy qz qw'" in str(one.reason)


def test_times_in_names() -> None:
    told = {
        "rgb/1305031453.359684.png": "1305031453.359684",
        "frame-000012.color.png": "000012",
        "IMG_2031.JPG": "2031",
        "left.png": None,
        "a1/left.png": None,
    }
    assert {name: time_in(name) for name in told} == told


def test_a_colmap_model_of_pairs_is_scored_as_a_job(
    pairs_folder: Callable[..., tuple[Path, np.ndarray]], tmp_path: Path
) -> None:
    root, cameras = pairs_folder(2)
    model = pycolmap.Reconstruction()
    for number, (name, camera) in enumerate(
        ((f"{idx}_{side}.png", cameras[idx, s]) for idx in range(2) for s, side in enumerate("ab")), 1
    ):
        shape = pycolmap.Camera(model="PINHOLE", width=16, height=12, params=[9, 9, 8, 6], camera_id=number)
        model.add_camera_with_trivial_rig(shape)
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(camera[:3, :3]), camera[:3, 3])
        model.add_image_with_trivial_frame(pycolmap.Image(name=name, camera_id=number, image_id=number), pose)
    (tmp_path / "mine" / "sparse" / "0").mkdir(parents=True)
    model.write_text(tmp_path / "mine" / "sparse" / "0")
    config = Config(
        task="score",
        data=PairsConfig(root=str(root)),
        score=ScoreConfig(predictions=str(tmp_path / "mine")),
        wandb=WandbConfig(mode="disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    stamp = inputs_stamp(config)
    run_job(config, tmp_path / "run", Console(quiet=True))
    summary = (tmp_path / "run" / "summary.md").read_text()
    assert "predictions (COLMAP model)" in summary and "dust3r" not in summary
    (images,) = (tmp_path / "mine").rglob("images.txt")
    images.write_text(images.read_text() + "# another line\n")
    assert inputs_stamp(config) != stamp
