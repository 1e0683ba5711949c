"""Bare photo folders: a model finds the cameras, of training views first and of test views for the scores."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import EvalConfig, InitConfig, SceneConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.scene import Scene, load_scene
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.model import SfmModel
from hw4.splat.result import SplatResult
from hw4.splat.scoring.estimated_cameras import estimated_test_views
from hw4.splat.stage import run_splat
from hw4.splat.start import Initialisation, initialise
from tests.support.splat_scenes import random_similarity, ring_cameras, true_scene

N_PHOTOS, WIDTH, HEIGHT = 8, 40, 32
CONFIG = SplatConfig(
    iterations=3,
    video_frames=0,
    init=InitConfig(max_points=100),
    eval=EvalConfig(lpips_download=False),
    optimize_cameras=False,
)


class KnowingModel(ReconstructionModel):
    """Knows the true cameras by the photos' numbers, and gives them in a world of its own at each call."""

    name = "knowing"
    weights_label = "none"

    def __init__(self, lost: Sequence[str] = (), points: bool = True, lost_later: Sequence[str] = ()) -> None:
        self.lost, self.lost_later, self.points = list(lost), list(lost_later), points
        self.seen: list[list[str]] = []

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        names = [path.name for path in image_paths]
        self.seen.append(names)
        lost = [*self.lost, *(self.lost_later if len(self.seen) > 1 else [])]
        if set(names) <= set(lost):
            raise ReconstructionFailed("no two views share enough")
        images = [np.array(Image.open(path)) for path in image_paths]
        world = random_similarity(len(self.seen))
        truth = ring_cameras(N_PHOTOS)[[int(path.stem) for path in image_paths]]
        cameras = world.cam_from_world(truth)[:, :3]
        cameras[[name in lost for name in names]] = np.nan
        n = len(names)
        K = np.array([[40.0, 0, WIDTH / 2], [0, 40, HEIGHT / 2], [0, 0, 1]])
        points = np.random.default_rng(0).uniform(-1, 1, (60, 3))
        return Reconstruction(
            cameras,
            np.tile(K, (n, 1, 1)),
            np.tile([WIDTH, HEIGHT], (n, 1)),
            np.tile(np.eye(3), (n, 1, 1)),
            images,
            points=world.points(points).astype(np.float32) if self.points else None,
            diagnoses=[f"{name} shows nothing" if name in lost else None for name in names],
        )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos 0.png to 7.png of one world, a camera of a ring each."""
    scene, _ = true_scene(n_views=N_PHOTOS)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(scene.images):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def started(root: Path, model: KnowingModel) -> tuple[Scene, Initialisation]:
    scene = load_scene(root, test_every=4)
    return scene, initialise(scene, CONFIG, lambda: model)[0]


def run(root: Path, model: KnowingModel, out: Path) -> SplatResult:
    return run_splat(CONFIG, SceneConfig(root=str(root), test_every=4), lambda: model, out)


def test_test_cameras_come_into_the_world_of_training(photos: Path) -> None:
    model = KnowingModel()
    scene, init = started(photos, model)
    assert model.seen == [["1.png", "2.png", "3.png", "5.png", "6.png", "7.png"]], "training photos alone"
    test, missing = estimated_test_views(scene, init, model, seed=0)
    assert model.seen[1] == [f"{number}.png" for number in range(N_PHOTOS)] and not missing
    assert test.names == ["0.png", "4.png"] and test.cam_from_world is not None
    # The training world is the unit world of the cameras of the model's first call.
    assert init.from_model is not None
    of_first_call = random_similarity(1).cam_from_world(ring_cameras(N_PHOTOS)[[0, 4]])
    expected = init.from_model.cam_from_world(of_first_call)
    np.testing.assert_allclose(test.cam_from_world, expected, atol=1e-6)
    image, K = test.load(1)
    assert image.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(K, [[40, 0, WIDTH / 2], [0, 40, HEIGHT / 2], [0, 0, 1]])


def test_intrinsics_of_estimated_cameras_follow_the_resolution(photos: Path) -> None:
    model = KnowingModel()
    scene = load_scene(photos, test_every=4, resolution=20)
    init, _ = initialise(scene, CONFIG, lambda: model)
    test, _ = estimated_test_views(scene, init, model, seed=0)
    image, K = test.load(0)
    assert image.shape == (16, 20, 3)
    np.testing.assert_allclose(K, init.Ks[0])


def test_views_that_were_placed_are_scored_and_the_others_said(photos: Path, tmp_path: Path) -> None:
    whole = run(photos, KnowingModel(), tmp_path / "whole")
    result = run(photos, KnowingModel(lost=["4.png"]), tmp_path / "out")
    assert [view.name for view in result.views] == ["0.png"]
    assert result.scores["psnr"] == pytest.approx(whole.views[0].scores["psnr"], abs=0.2)
    assert result.missing["test view 4.png"] == "knowing: 4.png shows nothing"
    assert "scores are means over 1 of 2 test views" in result.notes and not result.problems


def test_no_view_placed_is_no_score(photos: Path, tmp_path: Path) -> None:
    result = run(photos, KnowingModel(lost=["0.png", "4.png"]), tmp_path / "out")
    assert result.scores["psnr"] is None and result.views == []
    assert result.missing["psnr"] == "no test view could be scored"
    assert (tmp_path / "out" / "gaussians.ply").is_file()


def test_a_second_reconstruction_without_the_training_views_is_no_score(photos: Path, tmp_path: Path) -> None:
    lost = ["1.png", "2.png", "3.png", "5.png", "6.png"]
    result = run(photos, KnowingModel(lost_later=lost), tmp_path / "out")
    assert (
        result.scores["psnr"] is None
        and "placed 1 training views when it reconstructed all" in result.missing["psnr"]
    )


def test_a_damaged_test_photo_is_kept_from_the_model(photos: Path, tmp_path: Path) -> None:
    (photos / "4.png").write_bytes(b"no photo")
    model = KnowingModel()
    result = run(photos, model, tmp_path / "out")
    assert "4.png" not in model.seen[1] and len(result.views) == 1
    assert "cannot read image" in result.missing["test view 4.png"]


def test_a_training_view_without_a_camera_is_left_out(photos: Path, tmp_path: Path) -> None:
    result = run(photos, KnowingModel(lost=["2.png"]), tmp_path / "out")
    assert result.n_train == 5 and "2.png: 2.png shows nothing" in result.notes
    assert len(result.views) == 2


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            KnowingModel(lost=[f"{n}.png" for n in range(1, 7)]),
            "placed 1 of 6 training views.*1.png: 1.png shows nothing; 2.png.*data.train_pick=neighbours",
        ),
        (
            KnowingModel(points=False),
            "knowing has no points .*: it gives cameras only.*data.train_views",
        ),
        (
            KnowingModel(lost=[f"{n}.png" for n in range(8)]),
            "could not reconstruct the 6 training photos: no two views share enough. Photos that see more",
        ),
    ],
    ids=["one", "no points", "failed"],
)
def test_what_the_model_found_wrong_is_in_the_sentence(photos: Path, model: KnowingModel, words: str) -> None:
    with pytest.raises(UserError, match=words) as raised:
        started(photos, model)
    assert "\n" not in str(raised.value)


def test_three_views_of_a_real_desk(shared_data: Path, tmp_path: Path) -> None:
    """Spread over the whole desk three photos share too little; three neighbouring ones do not."""
    data = SceneConfig(root=str(shared_data / "tum_desk"), test_every=4, train_views=3, resolution=160)
    with pytest.raises(UserError, match=r"placed 1 of 3 .*35 verified matches.*data.train_pick=neighbours"):
        run_splat(CONFIG, data, lambda: SfmModel(SfmConfig()), tmp_path / "spread")
    near = replace(data, train_pick="neighbours")
    result = run_splat(CONFIG, near, lambda: SfmModel(SfmConfig()), tmp_path / "near")
    assert result.n_train == 3 and result.n_initial >= 50
    assert len(result.views) + sum("test view" in what for what in result.missing) == 5 and result.views
