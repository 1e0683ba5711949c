"""Splats in any world: trained in the same unit world, given back in the user's own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from hw4.config import EvalConfig, SceneConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.cameras import Cameras, held_out_cameras
from hw4.data.scenes.ply import ply_offset
from hw4.data.scenes.scene import load_scene
from hw4.geometry.align import Similarity
from hw4.geometry.cameras import camera_centers
from hw4.show.viewer.arrays import read_splats
from hw4.splat.camera_file import read_cameras
from hw4.splat.gaussians import load_ply, make_gaussians, save_ply
from hw4.splat.render import render_cameras
from hw4.splat.result import SplatResult
from hw4.splat.stage import run_splat
from hw4.splat.start import from_scene
from hw4.splat.world import gaussians_in_unit_world, in_unit_world
from tests.support.colmap_scenes import FOCAL, HEIGHT, N_VIEWS, TRAIN, WIDTH, write_scene
from tests.support.splat_scenes import ring_cameras

UTM = np.array([452000.0, 5411000.0, 320.0])
WORLDS = {
    "here": Similarity(1.0, np.eye(3), np.zeros(3)),
    "utm": Similarity(1.0, np.eye(3), UTM),
    "thousandth": Similarity(1e-3, np.eye(3), np.zeros(3)),
    "thousandfold": Similarity(1e3, np.eye(3), np.array([0.0, 0, 40])),
    "small and far": Similarity(0.02, np.eye(3), np.array([700.0, -300, 50])),
}
CONFIG = SplatConfig(
    iterations=8, video_frames=0, rasterizer="cpu", eval=EvalConfig(lpips_download=False), sh_degree=1
)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.8, 0.8, (60, 3))


def splat(folder: Path, points: np.ndarray, world: Similarity, stray: float | None = None) -> SplatResult:
    """A run on the scene in a world; `stray` moves its first point that far, of a model without tracks."""
    root = write_scene(folder / "scene", points, world=world)
    return run_splat(CONFIG, SceneConfig(root=str(root), test_every=3), None, folder / "out")


@pytest.mark.slow
def test_any_world_gives_the_same_scores_and_comes_back(tmp_path: Path, points: np.ndarray) -> None:
    results = {name: splat(tmp_path / name, points, world) for name, world in WORLDS.items()}
    here, psnr = results["here"], results["here"].scores["psnr"]
    assert psnr is not None and here.scores["initial_psnr"] is not None
    first = read_splats(tmp_path / "here/out/gaussians.ply")
    for name, world in WORLDS.items():
        result, out = results[name], tmp_path / name / "out"
        assert result.scores["psnr"] == pytest.approx(psnr, abs=0.02), name
        assert result.scores["initial_psnr"] == pytest.approx(here.scores["initial_psnr"], abs=0.02), name
        # Centres, sizes and cameras are those of the user's own world.
        means, covariances, *_ = read_splats(out / "gaussians.ply")
        np.testing.assert_allclose(means, world.points(first[0]), atol=2e-3 * world.scale, err_msg=name)
        np.testing.assert_allclose(covariances / world.scale**2, first[1], rtol=0.05, atol=1e-4, err_msg=name)
        saved = np.array([camera.cam_from_world for camera in read_cameras(out / "cameras.json")])
        expected = world.inverse.points(camera_centers(saved))
        np.testing.assert_allclose(
            expected, camera_centers(ring_cameras(N_VIEWS)[list(TRAIN)]), atol=0.02, err_msg=name
        )
        moved = [note for note in result.notes if note.startswith("gaussians.ply is moved")]
        assert bool(moved) is (name in ("utm", "small and far")), name


def test_the_file_says_what_32_bits_cannot_hold_and_renders_alike(tmp_path: Path, points: np.ndarray) -> None:
    result = splat(tmp_path, points, WORLDS["utm"])
    ply = Path(result.files["ply"])
    file = PlyData.read(str(ply))
    assert len(file.comments) == 1 and file.comments[0].startswith("hw4 offset ")
    offset = np.array([float(word) for word in file.comments[0].split()[2:]])
    np.testing.assert_array_equal(ply_offset(ply), offset)
    # Few digits, near the scene, and said where the results are.
    np.testing.assert_array_equal(offset, offset.round())
    assert np.abs(offset - UTM).max() < 10 and np.abs([file["vertex"][axis] for axis in "xyz"]).max() < 10
    assert any(f"add ({offset[0]:.12g}, {offset[1]:.12g}, {offset[2]:.12g})" in note for note in result.notes)
    data = SceneConfig(root=str(tmp_path / "scene"), test_every=3)
    cameras = held_out_cameras(data)
    again = render_cameras(load_ply(ply), cameras, tmp_path / "again", rasterizer="cpu", offset=offset)
    for path, render in zip(again, result.files["renders"], strict=True):
        ours, theirs = (np.array(Image.open(file)).astype(int) for file in (path, render))
        assert np.abs(ours - theirs).max() <= 2 and theirs.max() > 20


def test_a_resumed_run_comes_back_into_its_world(tmp_path: Path, points: np.ndarray) -> None:
    root = write_scene(tmp_path / "scene", points, world=WORLDS["utm"])
    data = SceneConfig(root=str(root), test_every=3)
    whole = run_splat(CONFIG, data, None, tmp_path / "whole")
    run_splat(replace(CONFIG, iterations=4), data, None, tmp_path / "first", train_dir=tmp_path / "train")
    resumed = run_splat(CONFIG, data, None, tmp_path / "second", train_dir=tmp_path / "train")
    assert resumed.scores["psnr"] == whole.scores["psnr"]
    assert Path(resumed.files["ply"]).read_bytes() == Path(whole.files["ply"]).read_bytes()


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        ([[0, 0, 1e5]], "1 of 61 points left out: over 1000 times as far away as the others"),
        ([[1e7, 0, 0], [0, -1e30, 0]], "2 of 62 points left out: over 1000 times as far away as the others"),
        ([[np.nan, 0, 0], [0, np.inf, 0]], "2 of 62 points left out: they are no finite numbers"),
    ],
)
def test_stray_points_change_nothing_and_are_counted(
    tmp_path: Path, points: np.ndarray, stray: list[list[float]], said: str
) -> None:
    scene, _ = in_unit_world(load_scene(write_scene(tmp_path, points), test_every=3))
    alone = from_scene(replace(scene.train, points=points, colors=None), CONFIG)
    more = np.concatenate([points, stray])
    init = from_scene(replace(scene.train, points=more, colors=None), CONFIG)
    assert init.notes == [said]
    for name, values in alone.gaussians.items():
        np.testing.assert_array_equal(init.gaussians[name].detach(), values.detach(), err_msg=name)


def test_a_far_point_that_stays_makes_no_other_large(points: np.ndarray) -> None:
    colors = np.zeros((61, 3), np.uint8)
    alone = make_gaussians(points, colors[1:], 0, 0.5)
    beside = make_gaussians(np.concatenate([points, [[0, 0, 900.0]]]), colors, 0, 0.5)
    np.testing.assert_allclose(beside["scales"][:-1].detach(), alone["scales"].detach(), atol=1e-6)
    # Nor do points in one place become a part of the cloud's size.
    twice = make_gaussians(np.concatenate([*[points[:1]] * 4, points[1:]]), colors[:63], 0, 0.5)
    assert (twice["scales"][:4].detach().exp() < 1e-3 * alone["scales"].detach().exp().median() * 1.1).all()


def test_gaussians_of_a_file_are_carried_into_the_cameras_unit_world(points: np.ndarray) -> None:
    gaussians = make_gaussians(points, np.zeros((60, 3), np.uint8), 0, 0.5)
    world = Similarity(1.0, np.eye(3), UTM)
    here, cameras = gaussians_in_unit_world(gaussians, np.zeros(3), ring_cameras(3))
    there, moved = gaussians_in_unit_world(gaussians, UTM, world.cam_from_world(ring_cameras(3)))
    np.testing.assert_allclose(moved, cameras, atol=1e-6)
    for name in here:
        np.testing.assert_allclose(there[name].detach(), here[name].detach(), atol=1e-5, err_msg=name)


def test_one_camera_renders_a_small_file(tmp_path: Path, points: np.ndarray) -> None:
    """Nearer than any fixed near plane."""
    colors = np.full((60, 3), 255, np.uint8)
    save_ply(make_gaussians(1e-3 * points, colors, 0, 0.9), tmp_path / "g.ply")
    camera = WORLDS["thousandth"].cam_from_world(ring_cameras(1))
    K = np.array([[[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]]])
    cameras = Cameras(["a"], camera, K, np.array([[WIDTH, HEIGHT]]))
    (path,) = render_cameras(load_ply(tmp_path / "g.ply"), cameras, tmp_path / "r", rasterizer="cpu")
    assert np.array(Image.open(path)).max() > 100


def test_a_broken_offset_is_one_sentence(tmp_path: Path) -> None:
    gaussians = make_gaussians(np.eye(3), np.zeros((3, 3), np.uint8), 0, 0.5)
    save_ply(gaussians, tmp_path / "g.ply", np.array([1.0, 2, 3]))
    assert (ply_offset(tmp_path / "g.ply") == [1, 2, 3]).all()
    content = (tmp_path / "g.ply").read_bytes().replace(b"offset 1.0 2.0", b"offset x")
    (tmp_path / "g.ply").write_bytes(content)
    with pytest.raises(UserError, match="has the comment 'hw4 offset x 3.0': it needs three numbers"):
        ply_offset(tmp_path / "g.ply")
