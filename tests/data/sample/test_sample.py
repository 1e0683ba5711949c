"""The sample generator: exact geometry, repeatable bytes, the layouts of real data."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from plyfile import PlyData

from hw4.config import InputConfig, SampleConfig
from hw4.core.errors import UserError
from hw4.data.pairs.samples import load_pairs
from hw4.data.sample import ensure_sample, write
from hw4.data.sample.cameras import camera, sample_pair_cameras
from hw4.data.sample.scene import Scene, intrinsics, make_scene, render
from hw4.data.sample.write import degenerate_frames, write_pair
from hw4.pose.metrics import rotation_error_deg

SMALL = {"pairs": 4, "frames": 3, "width": 64, "height": 48}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleConfig]:
    root = tmp_path_factory.mktemp("sample") / "set"
    config = SampleConfig(root=str(root), **SMALL)
    return ensure_sample(config), config


def digests(root: Path) -> dict[str, str]:
    files = (p for p in sorted(root.rglob("*")) if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_seed_same_bytes_and_other_seed_other_images(
    sample: tuple[Path, SampleConfig], tmp_path: Path
) -> None:
    root, _ = sample
    first = digests(root)
    again = digests(ensure_sample(SampleConfig(root=str(tmp_path / "again"), **SMALL)))
    assert first == again
    other = digests(ensure_sample(SampleConfig(root=str(tmp_path / "other"), seed=7, **SMALL)))
    assert set(other) == set(first)
    assert all(other[name] != digest for name, digest in first.items() if name.endswith("_a.png"))


def test_it_is_the_pair_layout(sample: tuple[Path, SampleConfig]) -> None:
    root, config = sample
    pairs = load_pairs(config, InputConfig("pair"))
    sequences = load_pairs(config, InputConfig("interpolated"))
    facts = json.loads((root / "sample.json").read_text())
    assert [s.problem for s in sequences] == [None] * 4
    assert [len(s.image_paths) for s in pairs + sequences] == [2] * 4 + [5] * 4
    for sample_ in pairs:
        first, second = sample_.cam_from_world[:, :3, :3]
        heading = facts["yaw_deg"][str(sample_.idx)]
        # Pitch and roll jitter by a few degrees around the stated yaw.
        assert abs(rotation_error_deg(np.eye(3), second @ first.T) - heading) < 15
        np.testing.assert_allclose(sample_.Ks[0], intrinsics(64, 48))
    assert facts["degenerate"] == [3]


def test_end_frames_are_the_photos(sample: tuple[Path, SampleConfig]) -> None:
    root, _ = sample
    for idx in range(3):
        folder = root / "interpolated" / str(idx) / "sample"
        for photo, number in ((f"{idx:04d}_a.png", 0), (f"{idx:04d}_b.png", 4)):
            frame = np.asarray(Image.open(folder / f"{idx}_frame{number}.png"))
            np.testing.assert_array_equal(frame, np.asarray(Image.open(root / "images" / photo)))


def reproject(depth: np.ndarray, K: np.ndarray, relative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and depth of every pixel of view 1 as view 2 sees its surface point."""
    height, width = depth.shape
    v, u = np.mgrid[:height, :width] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T
    points = (rays * depth[..., None]) @ relative[:3, :3].T + relative[:3, 3]
    projected = points @ K.T
    return projected[..., :2] / projected[..., 2:], points[..., 2]


@given(st.integers(0, 10_000), st.floats(3, 60))
@settings(max_examples=8, deadline=None)
def test_depths_of_two_views_agree_where_both_see_a_surface(seed: int, yaw: float) -> None:
    scene, K = make_scene(seed), intrinsics(96, 72)
    try:
        cameras = sample_pair_cameras(scene, yaw, np.random.default_rng(seed))
    except ValueError:
        return
    one, two = (render(scene, c, K, 96, 72, samples=1) for c in cameras)
    pixels, depth = reproject(one.depth.astype(float), K, cameras[1] @ np.linalg.inv(cameras[0]))
    column, row = np.floor(pixels[..., 0]).astype(int), np.floor(pixels[..., 1]).astype(int)
    inside = (depth > 0.1) & (column >= 0) & (column < 96) & (row >= 0) & (row < 72)
    seen = two.depth[row[inside], column[inside]]
    # Nothing that view 1 sees can lie in front of what view 2 sees, and most of it is the same surface.
    error = (depth[inside] - seen) / seen
    assert np.mean(error < -0.15) < 0.03
    assert np.median(np.abs(error)) < 0.03


def test_depth_of_an_empty_room_is_the_plane_equation() -> None:
    full = make_scene(5)
    scene = Scene(full.boxes[:1], full.materials[:1], full.lamp, full.light, 5)
    room, K = scene.boxes[0], intrinsics(80, 60)
    cam_from_world = camera(np.array([0.2, -1.3, -0.1]), 0.7, 0.1, 0.05)
    depth = render(scene, cam_from_world, K, 80, 60).depth
    world_from_cam = np.linalg.inv(cam_from_world)
    v, u = np.mgrid[:60, :80] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T @ world_from_cam[:3, :3].T
    origin = world_from_cam[:3, 3] - room[:3]
    with np.errstate(divide="ignore"):
        to_planes = (np.sign(rays) * room[3:6] - origin) / rays
    np.testing.assert_allclose(depth, to_planes.min(axis=-1), rtol=1e-5)


def test_colours_do_not_depend_on_the_view() -> None:
    full = make_scene(11)
    scene, K = Scene(full.boxes[:1], full.materials[:1], full.lamp, full.light, 11), intrinsics(64, 48)
    cameras = np.stack([camera(np.array([x, -1.4, 0.0]), 0.3) for x in (0.0, 0.05)])
    one, two = (render(scene, c, K, 64, 48, samples=4) for c in cameras)
    pixels, _ = reproject(one.depth.astype(float), K, cameras[1] @ np.linalg.inv(cameras[0]))
    column = np.floor(pixels[..., 0]).astype(int).clip(0, 63)
    row = np.floor(pixels[..., 1]).astype(int).clip(0, 47)
    difference = np.abs(one.rgb.astype(float) - two.rgb[row, column].astype(float)).mean(axis=-1)
    assert np.median(difference) < 12 < np.abs(one.rgb.astype(float) - two.rgb.astype(float)[::-1]).mean()


def test_degenerate_frames_are_one_flat_picture() -> None:
    photos = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(2)]
    frames = degenerate_frames(photos, 5)
    np.testing.assert_array_equal(frames[0], photos[0])
    assert len(frames) == 5 and all(f.shape == (48, 64, 3) for f in frames)
    same = degenerate_frames([photos[0], photos[0]], 3)[2]
    # Zooming one picture: the middle of the last frame is the picture's own middle.
    crop = Image.fromarray(photos[0]).resize((64, 48), Image.Resampling.BICUBIC, box=(9.6, 7.2, 54.4, 40.8))
    np.testing.assert_array_equal(same, np.asarray(crop))


def test_scene_is_read_by_colmap_and_holds_no_test_view(
    sample: tuple[Path, SampleConfig], tmp_path: Path
) -> None:
    root, _ = sample
    folder = root / "scene" / "sparse_3"
    names = {}
    for part, count in (("0", 3), ("1", 4)):
        (tmp_path / part).mkdir()
        for name in ("cameras.txt", "images.txt"):
            (tmp_path / part / name).write_text((folder / part / name).read_text())
        (tmp_path / part / "points3D.txt").write_text("")
        reconstruction = pycolmap.Reconstruction(str(tmp_path / part))
        names[part] = {image.name for image in reconstruction.images.values()}
        assert len(names[part]) == count
        assert all((root / "scene" / "images" / name).is_file() for name in names[part])
    assert not names["0"] & names["1"]
    vertices = PlyData.read(str(folder / "0" / "points3D.ply"))["vertex"]
    assert vertices.data.dtype.names == ("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue")
    points = np.stack([vertices[a] for a in "xyz"], axis=1)
    colors = np.stack([vertices[c] for c in ("red", "green", "blue")], axis=1)
    assert len(np.load(folder / "0" / "confidence_dsp.npy")) == len(points)
    # Every point is the surface under a pixel of a training photo: project it back and find its colour there.
    reconstruction = pycolmap.Reconstruction(str(tmp_path / "0"))
    found = np.zeros(len(points), bool)
    for image in reconstruction.images.values():
        local = points @ image.cam_from_world().matrix()[:, :3].T + image.cam_from_world().matrix()[:, 3]
        K = intrinsics(64, 48)
        pixels = (local @ K.T)[:, :2] / local[:, 2:]
        column, row = np.floor(pixels).astype(int).T
        inside = (local[:, 2] > 0) & (column >= 0) & (column < 64) & (row >= 0) & (row < 48)
        photo = np.asarray(Image.open(root / "scene" / "images" / image.name))
        same = np.zeros(len(points), bool)
        same[inside] = (photo[row[inside], column[inside]] == colors[inside]).all(axis=1)
        found |= same
    assert found.all()


@pytest.mark.slow
def test_two_processes_at_once_make_one_set(tmp_path: Path) -> None:
    code = (
        "import sys; from hw4.config import SampleConfig; from hw4.data.sample import ensure_sample; "
        f"print(ensure_sample(SampleConfig(root=sys.argv[1], **{SMALL})))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "set")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [p.communicate(timeout=120)[0].strip() for p in both] == [str(tmp_path / "set")] * 2
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["set"]
    assert (tmp_path / "set" / "sample.json").is_file()


def test_somebody_elses_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        ensure_sample(SampleConfig(root=str(tmp_path), **SMALL))
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_what_a_killed_process_has_drawn_is_kept(
    sample: tuple[Path, SampleConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = sample
    config = SampleConfig(root=str(tmp_path / "a"), **SMALL)

    def killed(root: Path, config: SampleConfig, idx: int) -> dict[str, object]:
        if idx == 2:
            raise KeyboardInterrupt
        return write_pair(root, config, idx)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(write, "usable_cores", lambda: 1)
        patch.setattr(write, "write_pair", killed)
        ensure_sample(config)
    (left,) = tmp_path.glob(".a.building-*")
    cut = left / "images" / "0001_b.png"
    cut.write_bytes(cut.read_bytes()[:-40])
    pair_0 = [*(left / "images").glob("0000_*"), *(left / "interpolated" / "0").rglob("*.png")]
    before = {path.relative_to(left): path.stat().st_mtime_ns for path in pair_0}

    root = ensure_sample(config)

    assert len(before) == 7
    assert {path: (root / path).stat().st_mtime_ns for path in before} == before
    assert digests(root) == digests(whole)


def test_what_a_killed_process_was_building_of_another_set_is_removed(tmp_path: Path) -> None:
    for name in (".a.building-x1", ".a.lock", ".ab.building-x2", ".a.theirs"):
        (tmp_path / name / "images").mkdir(parents=True) if "lock" not in name else (tmp_path / name).touch()
    ensure_sample(SampleConfig(root=str(tmp_path / "a"), pairs=1, frames=3, width=48, height=36))
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".a.lock", ".ab.building-x2", ".a.theirs"}
