"""Plain COLMAP scenes: points and colours from training photos alone; names, cameras and photos that fit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hw4.config import InitConfig, SceneConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.photos import by_number, render_names, without_suffix
from hw4.data.registry import scene_files
from hw4.data.scenes.cameras import held_out_cameras
from hw4.data.scenes.scene import has_points, load_scene
from hw4.splat.gaussians import make_gaussians
from hw4.splat.render import render_cameras
from hw4.splat.source import uses_model
from hw4.splat.start import initialise
from tests.support.colmap_scenes import FOCAL, HEIGHT, N_VIEWS, TEST, TRAIN, project, write_scene
from tests.support.splat_jobs import make_config, run
from tests.support.splat_scenes import ring_cameras


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.8, 0.8, (40, 3))


@pytest.mark.parametrize("seed", [0, 1])
def test_held_out_observations_move_no_point(tmp_path: Path, points: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wrong = {view: rng.uniform(0, HEIGHT, (len(points), 2)) for view in TEST}
    stored = points + rng.normal(size=points.shape)
    scene = load_scene(write_scene(tmp_path, points, observations=wrong, stored=stored), test_every=3)
    assert scene.layout == "colmap" and [name[:3] for name in scene.test.names] == ["000", "003"]
    assert scene.train.points is not None and scene.train.colors is not None
    np.testing.assert_allclose(scene.train.points, points, atol=1e-6)
    # Colours are those of the training photos at the points, whatever the model and the test photos say.
    assert not scene.train.colors[:, 2].any()
    np.testing.assert_allclose(scene.train.colors[:, 1], 40 * np.mean(TRAIN), atol=1)
    columns = np.mean([np.floor(project(points, ring_cameras(N_VIEWS)[v])[:, 0]) for v in TRAIN], axis=0)
    np.testing.assert_allclose(scene.train.colors[:, 0], 3 * columns, atol=1)
    assert "points: 40 of the model's 40, triangulated again and coloured from training" in scene.notes[0]


def test_points_that_training_cannot_place_are_left_out(tmp_path: Path, points: np.ndarray) -> None:
    seen_by = {n: (0, 3, 1) if n % 2 else (0, 1, 2, 3) for n in range(len(points))}
    scene = load_scene(write_scene(tmp_path, points, seen_by=seen_by), test_every=3)
    assert scene.train.points is not None and len(scene.train.points) == 20
    np.testing.assert_allclose(scene.train.points, points[::2], atol=1e-6)


def test_a_training_observation_that_does_not_fit_is_not_believed(tmp_path: Path, points: np.ndarray) -> None:
    wrong = {1: project(points, ring_cameras(N_VIEWS)[1]) + np.array([12, -9])}
    scene = load_scene(write_scene(tmp_path, points, observations=wrong), test_every=3)
    assert scene.train.points is not None
    np.testing.assert_allclose(scene.train.points, points, atol=1e-6)


def test_the_resolution_changes_no_point(tmp_path: Path, points: np.ndarray) -> None:
    root = write_scene(tmp_path, points)
    full, half = load_scene(root, test_every=3), load_scene(root, test_every=3, resolution=32)
    np.testing.assert_array_equal(half.train.points, full.train.points)
    assert half.train.colors is not None and full.train.colors is not None
    assert np.abs(half.train.colors.astype(int) - full.train.colors).max() <= 6


def test_points_seen_by_no_two_training_photos_need_a_model(tmp_path: Path, points: np.ndarray) -> None:
    seen_by = dict.fromkeys(range(len(points)), (0, 3, 4))
    for name, seen, there in (("none", seen_by, False), ("all", None, True)):
        config = SceneConfig(root=str(write_scene(tmp_path / name, points, seen_by=seen)), test_every=3)
        assert has_points(config) is there
        run_config = replace(make_config(tmp_path / name, tmp_path), data=config)
        assert uses_model(run_config) is not there
    scene = load_scene(tmp_path / "none", test_every=3)
    assert scene.train.points is not None and len(scene.train.points) == 0


STAMPS = ["1305031453.003", "1305031453.035", "1305031453.067", "1305031453.1", "a/1.png", "b/1.png"]


def test_every_image_has_its_own_render(tmp_path: Path, points: np.ndarray) -> None:
    root = write_scene(tmp_path / "scene", points, names=STAMPS)
    config = make_config(tmp_path, tmp_path)
    data = SceneConfig(root=str(root), test_every=2)
    splat = run(replace(config, data=data), tmp_path / "out")["splat"]
    assert [view["name"] for view in splat["views"]] == STAMPS[::2]
    folder = tmp_path / "out" / "splat" / "renders"
    expected = ["1305031453.003.png", "1305031453.067.png", "a/1.png"]
    assert splat["files"]["renders"] == [str(folder / name) for name in expected]
    gaussians = make_gaussians(points, np.zeros((len(points), 3), np.uint8), 0, 0.5)
    written = render_cameras(gaussians, held_out_cameras(data), tmp_path / "r")
    assert written == [tmp_path / "r" / name for name in expected]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["0.png", "1.png", "a.jpg", "a.k.png", "a.png", "b.png"], "a.jpg and a.png, whose renders"),
        (["../1.png", "1.png", "2.png", "a/1.jpg", "3.png", "4.png"], "leads out of the photos' folder"),
    ],
)
def test_names_that_cannot_be_rendered_are_refused(
    tmp_path: Path, points: np.ndarray, names: list[str], words: str
) -> None:
    root = write_scene(tmp_path / "scene", points, names=names)
    with pytest.raises(UserError, match=words):
        load_scene(root, test_every=2)


def test_suffixes_folders_and_numbers() -> None:
    assert [without_suffix(name) for name in ("a/b.c.PNG", "x.003", "y", "z.jpeg")] == [
        "a/b.c",
        "x.003",
        "y",
        "z",
    ]
    assert sorted(["p10.png", "p2.png", "p1.png", "q.png"], key=by_number) == [
        "p1.png",
        "p2.png",
        "p10.png",
        "q.png",
    ]
    with pytest.raises(UserError, match="the photos has images a.png and a.jpg, whose renders would both"):
        render_names(["a.png", "a.jpg"], "the photos")


def test_bare_photos_are_sorted_by_number_and_picked(tmp_path: Path) -> None:
    for number in range(1, 13):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    scene = load_scene(tmp_path, test_every=4)
    assert scene.test.names == ["1.png", "5.png", "9.png"]
    assert scene.train.names[:3] == ["2.png", "3.png", "4.png"] and scene.train.names[-1] == "12.png"
    near = load_scene(tmp_path, test_every=4, train_views=3, pick="neighbours")
    assert near.train.names == ["6.png", "7.png", "8.png"]
    files = scene_files(SceneConfig(root=str(tmp_path), test_every=4, train_views=3, train_pick="neighbours"))
    assert files.train.files == near.train.paths and files.test.files == near.test.paths


def rotate_a_photo(root: Path) -> None:
    with Image.open(root / "images" / "001.png") as image:
        image.transpose(Image.Transpose.ROTATE_90).save(root / "images" / "001.png")


def empty_camera(root: Path) -> None:
    (root / "sparse" / "0" / "cameras.txt").write_text("1 PINHOLE 0 0 60 60 32 24\n")


def no_focal_length(root: Path) -> None:
    (root / "sparse" / "0" / "cameras.txt").write_text("1 PINHOLE 64 48 0 60 32 24\n")


def lose_images(root: Path) -> None:
    (root / "sparse" / "0" / "images.txt").unlink()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (rotate_a_photo, "001.png is 48x64 but its camera 64x48: .* cropped or turned"),
        (empty_camera, "camera 1 in .*sparse/0 is impossible: 0x0 pixels"),
        (no_focal_length, "camera 1 in .* focal lengths 0 and 60"),
        (lose_images, "the COLMAP model in .*scene/sparse/0 has no images.txt"),
    ],
)
def test_bad_colmap_scenes_are_one_sentence(
    tmp_path: Path, points: np.ndarray, harm: Any, words: str
) -> None:
    root = write_scene(tmp_path / "scene", points)
    harm(root)
    with pytest.raises(UserError, match=words) as raised:
        load_scene(root, test_every=3)
    assert "\n" not in str(raised.value)


def test_a_turned_test_photo_is_found_when_it_is_opened(tmp_path: Path, points: np.ndarray) -> None:
    scene = load_scene(write_scene(tmp_path, points), test_every=3)
    with Image.open(scene.test.paths[0]) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(scene.test.paths[0])
    with pytest.raises(UserError, match="cropped or turned"):
        scene.test.load(0)


def test_photos_cropped_to_multiples_of_16_still_fit(tmp_path: Path, points: np.ndarray) -> None:
    """DUSt3R's cameras of 3:2 photos are 512x336, not 512x341."""
    scene = load_scene(write_scene(tmp_path, points, size=(64, 47)), test_every=3)
    assert scene.train.Ks is not None and scene.train.Ks[0][1, 1] == pytest.approx(FOCAL * 48 / 47)


def test_a_scene_without_points_is_named(tmp_path: Path, points: np.ndarray) -> None:
    seen_by = dict.fromkeys(range(len(points)), (0, 3, 4))
    scene = load_scene(write_scene(tmp_path / "here", points, seen_by=seen_by), test_every=3)
    with pytest.raises(UserError, match="here has no points that training may start from"):
        initialise(scene, SplatConfig(init=InitConfig(source="scene")), None)
