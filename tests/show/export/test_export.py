"""Exports are read back by the programs that they are for, to the same cameras, points and Gaussians."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import gsply
import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from plyfile import PlyData
from rich.console import Console
from scipy.spatial.transform import Rotation

from hw4.config import Config, DemoConfig
from hw4.config.export import ExportConfig
from hw4.config.root import CacheConfig, ReportConfig, WandbConfig
from hw4.core.colmap import pycolmap
from hw4.core.errors import ConfigError, UserError
from hw4.data.photos import AsStored
from hw4.data.scenes.scene import load_scene
from hw4.jobs.run import run_job
from hw4.models.clouds import Cloud
from hw4.models.sfm.config import SfmConfig
from hw4.show.demo.files3d import read_points_ply
from hw4.show.export.from_run import scene_of_run
from hw4.show.export.scene import ExportScene, ExportView, means_of, scene_of_view
from hw4.show.export.write import export_scene
from hw4.show.viewer.subject import ShownCamera, View3D
from hw4.splat.gaussians import make_gaussians, parameters, save_ply
from hw4.splat.rasterize.harmonics import C0
from tests.support.exif import tagged
from tests.support.known_model import KnownModel

N, SIZE = 3, (32, 24)
WORLD_FROM_SPZ = np.diag([1.0, -1, -1])


@pytest.fixture
def scene(tmp_path: Path) -> ExportScene:
    rng = np.random.default_rng(5)
    views = []
    for number in range(N):
        photo = tmp_path / "photos" / f"{number}.png"
        photo.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)).save(photo)
        R = Rotation.from_euler("xyz", rng.uniform(-20, 20, 3), degrees=True).as_matrix()
        camera = np.column_stack([R, rng.normal(size=3)])
        K = np.array([[30.0 + number, 0, 15.5], [0, 31, 12.25], [0, 0, 1]])
        views.append(ExportView(photo.name, camera, K, SIZE, photo))
    points = Cloud(
        rng.normal(size=(20, 3)) + np.array([0, 0, 4]),
        rng.integers(0, 255, (20, 3)).astype(np.uint8),
        None,
        20,
    )
    return ExportScene(tuple(views), points)


@pytest.fixture
def gaussians(tmp_path: Path) -> Path:
    rng = torch.Generator().manual_seed(2)
    values = {
        "means": torch.randn(40, 3, generator=rng) * 5,
        "scales": torch.rand(40, 3, generator=rng) * 3 - 4,
        "quats": torch.randn(40, 4, generator=rng),
        "opacities": torch.randn(40, generator=rng),
        "sh0": torch.randn(40, 1, 3, generator=rng) * 0.5,
        "shN": torch.rand(40, 15, 3, generator=rng) * 0.8 - 0.4,
        "lr_factors": torch.ones(40, 1),
    }
    save_ply(parameters(values), tmp_path / "trained.ply")
    return tmp_path / "trained.ply"


def written(scene: ExportScene, name: str, folder: Path) -> Path:
    done = export_scene(scene, [name], folder / "out")
    assert not done.missing
    return Path(done.files[name])


@pytest.mark.parametrize("name", ["colmap", "colmap_text"])
def test_colmap_reads_the_same_cameras_and_points(name: str, scene: ExportScene, tmp_path: Path) -> None:
    folder = written(scene, name, tmp_path)
    model = pycolmap.Reconstruction(folder / "sparse" / "0")
    by_name = {image.name: image for image in model.images.values()}
    assert sorted(by_name) == [view.name for view in scene.views]
    for view in scene.views:
        assert view.K is not None
        image = by_name[view.name]
        np.testing.assert_allclose(image.cam_from_world().matrix(), view.cam_from_world, atol=1e-12)
        np.testing.assert_allclose(image.camera.calibration_matrix(), view.K, atol=1e-12)
        in_camera = view.cam_from_world[:, :3] @ scene.points.points[0] + view.cam_from_world[:, 3]
        pixel = view.K @ in_camera
        np.testing.assert_allclose(image.project_point(scene.points.points[0]), pixel[:2] / pixel[2])
    found = np.array([[*p.xyz, *p.color] for _, p in sorted(model.points3D.items())])
    np.testing.assert_allclose(found, np.hstack([scene.points.points, scene.points.colors]), atol=1e-12)
    for view in scene.views:
        assert view.photo is not None
        assert (folder / "images" / view.name).read_bytes() == view.photo.read_bytes()


def test_our_own_reader_takes_the_export_for_a_scene(scene: ExportScene, tmp_path: Path) -> None:
    loaded = load_scene(written(scene, "colmap", tmp_path), test_every=3)
    cameras = {
        name: camera
        for part in (loaded.train, loaded.test)
        for name, camera in zip(part.names, part.cam_from_world, strict=True)  # type: ignore[arg-type]
    }
    for view in scene.views:
        np.testing.assert_allclose(cameras[view.name][:3], view.cam_from_world, atol=1e-9)
    # Which photos saw a point is not told, and held-out photos may have placed it.
    assert any("20 points" in note for note in loaded.notes)


def test_nerfstudio_has_opengl_cameras(scene: ExportScene, tmp_path: Path) -> None:
    folder = written(scene, "nerfstudio", tmp_path)
    content = json.loads((folder / "transforms.json").read_text())
    for frame, view in zip(content["frames"], scene.views, strict=True):
        point = scene.points.points[3]
        x, y, z, _ = np.linalg.inv(frame["transform_matrix"]) @ [*point, 1]
        # OpenGL: y is up, and what is ahead has a negative z.
        u = frame["fl_x"] * x / -z + frame["cx"]
        v = frame["fl_y"] * -y / -z + frame["cy"]
        assert view.K is not None and z < 0
        wanted = view.K @ (view.cam_from_world[:, :3] @ point + view.cam_from_world[:, 3])
        np.testing.assert_allclose([u, v], wanted[:2] / wanted[2])
        assert (folder / frame["file_path"]).is_file() and [frame["w"], frame["h"]] == list(SIZE)
    points = trimesh.load(folder / content["ply_file_path"]).vertices  # type: ignore[union-attr]
    np.testing.assert_allclose(points, scene.points.points, atol=1e-6)


def test_evo_reads_the_trajectory(scene: ExportScene, tmp_path: Path) -> None:
    file_interface = pytest.importorskip("evo.tools.file_interface", reason="evo is not installed")
    path = written(scene, "tum", tmp_path)
    trajectory = file_interface.read_tum_trajectory_file(str(path))
    assert trajectory.timestamps.tolist() == [0, 1, 2]
    for pose, view in zip(trajectory.poses_se3, scene.views, strict=True):
        np.testing.assert_allclose(np.linalg.inv(pose)[:3], view.cam_from_world, atol=1e-12)


def test_times_of_photos_stay_those_of_the_trajectory(scene: ExportScene, tmp_path: Path) -> None:
    stamps = ["1305031453.003000", "1305031453.5", "1305031454.1"]
    views = [
        ExportView(f"{stamp}.png", view.cam_from_world, None, SIZE, None)
        for stamp, view in zip(stamps, scene.views, strict=True)
    ]
    nothing = Cloud(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), None, 0)
    path = written(ExportScene(tuple(views), nothing), "tum", tmp_path)
    assert [line.split()[0] for line in path.read_text().splitlines()[1:]] == stamps
    path = written(ExportScene(tuple(views[::-1]), nothing), "tum", tmp_path)
    assert [line.split()[0] for line in path.read_text().splitlines()[1:]] == ["0", "1", "2"]


def test_trimesh_reads_points_and_cameras_of_the_glb(scene: ExportScene, tmp_path: Path) -> None:
    loaded = trimesh.load(written(scene, "glb", tmp_path))
    assert isinstance(loaded, trimesh.Scene)
    first = scene.views[0].cam_from_world
    in_first = (scene.points.points @ first[:, :3].T + first[:, 3]) * [1, -1, -1]
    np.testing.assert_allclose(loaded.geometry["points"].vertices, in_first, atol=1e-5)
    assert {f"{kind}_{v.name}" for v in scene.views for kind in ("camera", "photo")} <= {
        name.replace(f"_{number}_", "_") for name in loaded.geometry for number in range(N)
    }


def test_points_are_read_back(scene: ExportScene, tmp_path: Path) -> None:
    found = read_points_ply(written(scene, "ply", tmp_path))
    np.testing.assert_allclose(found.points, scene.points.points, atol=1e-6)
    np.testing.assert_array_equal(found.colors, scene.points.colors)


def test_gsply_reads_the_trained_gaussians(scene: ExportScene, gaussians: Path, tmp_path: Path) -> None:
    path = written(ExportScene(scene.views, scene.points, gaussians), "ply", tmp_path)
    ours = PlyData.read(str(gaussians))["vertex"]
    found = gsply.plyread(path)
    np.testing.assert_array_equal(found.means[:, 1], ours["y"])
    np.testing.assert_array_equal(found.shN[:, 14, 2], ours["f_rest_44"])
    np.testing.assert_array_equal(found.quats[:, 0], ours["rot_0"])


def test_a_splat_file_has_32_bytes_a_gaussian(scene: ExportScene, gaussians: Path, tmp_path: Path) -> None:
    content = written(ExportScene(scene.views, scene.points, gaussians), "splat", tmp_path).read_bytes()
    ours = PlyData.read(str(gaussians))["vertex"]
    assert len(content) == 32 * 40
    index = {round(float(x), 5): number for number, x in enumerate(ours["x"])}
    seen = []
    for start in range(0, len(content), 32):
        x, y, z, sx, _, sz, r, _, b, a, w, qx, _, _ = struct.unpack("<6f8B", content[start : start + 32])
        row = ours[index[round(x, 5)]]
        assert (y, z) == (row["y"], row["z"])
        np.testing.assert_allclose([sx, sz], np.exp([row["scale_0"], row["scale_2"]]), rtol=1e-6)
        opacity = 1 / (1 + np.exp(-float(row["opacity"])))
        rgb = np.clip(255 * (0.5 + C0 * np.array([row["f_dc_0"], row["f_dc_2"]])), 0, 255)
        assert np.abs(rgb - [r, b]).max() <= 1 and abs(255 * opacity - a) <= 1
        unit = np.array([row[f"rot_{i}"] for i in range(4)])
        unit /= np.linalg.norm(unit)
        assert abs(128 + 128 * unit[0] - w) <= 1 and abs(128 + 128 * unit[1] - qx) <= 1
        seen.append(np.exp(row["scale_0"] + row["scale_1"] + row["scale_2"]) * opacity)
    assert seen == sorted(seen, reverse=True)


def colors_towards(directions: np.ndarray, sh0: np.ndarray, shN: np.ndarray) -> np.ndarray:
    """Colours of Gaussians seen along directions, by 3DGS's real spherical harmonics up to degree 3."""
    x, y, z = directions.T
    c2, c3 = [1.0925484, 0.31539157, 0.54627422], [0.59004359, 2.89061144, 0.45704579, 0.37317633, 1.44530572]
    basis = [-0.48860251 * y, 0.48860251 * z, -0.48860251 * x]
    basis += [c2[0] * x * y, -c2[0] * y * z, c2[1] * (2 * z * z - x * x - y * y)]
    basis += [-c2[0] * x * z, c2[2] * (x * x - y * y)]
    basis += [-c3[0] * y * (3 * x * x - y * y), c3[1] * x * y * z, -c3[2] * y * (4 * z * z - x * x - y * y)]
    basis += [c3[3] * z * (2 * z * z - 3 * x * x - 3 * y * y), -c3[2] * x * (4 * z * z - x * x - y * y)]
    basis += [c3[4] * z * (x * x - y * y), -c3[0] * x * (x * x - 3 * y * y)]
    return 0.2820948 * sh0 + np.einsum("kp,pkc->pc", np.array(basis), shN)


def covariances(log_scales: np.ndarray, quats_wxyz: np.ndarray) -> np.ndarray:
    R = Rotation.from_quat(quats_wxyz[:, [1, 2, 3, 0]]).as_matrix()
    return R @ (np.exp(2 * log_scales)[:, :, None] * R.transpose(0, 2, 1))


@pytest.fixture
def compiled_gsply() -> Iterator[None]:
    """gsply's reader in C++: the other one is compiled when it is first used, for many seconds."""
    gsply.use_backend("cpp")
    yield
    gsply.use_backend("python")


@pytest.mark.usefixtures("compiled_gsply")
def test_gsply_reads_the_spz_in_its_own_world(scene: ExportScene, gaussians: Path, tmp_path: Path) -> None:
    path = written(ExportScene(scene.views, scene.points, gaussians), "spz", tmp_path)
    ours, found = gsply.plyread(gaussians), gsply.read_spz(path)
    np.testing.assert_allclose(found.means @ WORLD_FROM_SPZ, ours.means, atol=1e-5)
    np.testing.assert_allclose(found.scales, ours.scales, atol=1 / 30)
    theirs = covariances(found.scales, found.quats)
    turned = WORLD_FROM_SPZ @ theirs @ WORLD_FROM_SPZ
    np.testing.assert_allclose(turned, covariances(ours.scales, ours.quats), rtol=0.2, atol=0.03)
    directions = np.random.default_rng(0).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seen = colors_towards(directions, ours.sh0, ours.shN)
    again = colors_towards(directions @ WORLD_FROM_SPZ, found.sh0, found.shN)
    np.testing.assert_allclose(again, seen, atol=0.03)


@pytest.mark.parametrize(("factor", "why"), [(1e8, "coordinates of"), (1e-6, "the sizes of")])
def test_what_spz_cannot_hold_is_said(factor: float, why: str, scene: ExportScene, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = make_gaussians(factor * rng.normal(size=(30, 3)), np.full((30, 3), 9, np.uint8), 0, 0.5)
    save_ply(made, tmp_path / "g.ply")
    done = export_scene(
        ExportScene(scene.views, scene.points, tmp_path / "g.ply"), ["spz", "splat"], tmp_path
    )
    assert why in done.missing["spz"] and list(done.files) == ["splat"]


@pytest.mark.usefixtures("compiled_gsply")
def test_a_small_world_keeps_its_digits_in_spz(scene: ExportScene, tmp_path: Path) -> None:
    points = 1e-3 * np.random.default_rng(0).normal(size=(30, 3))
    save_ply(make_gaussians(points, np.full((30, 3), 9, np.uint8), 0, 0.5), tmp_path / "g.ply")
    path = written(ExportScene(scene.views, scene.points, tmp_path / "g.ply"), "spz", tmp_path)
    np.testing.assert_allclose(gsply.read_spz(path).means @ WORLD_FROM_SPZ, points, atol=1e-7)


def test_a_world_far_from_its_origin_keeps_its_digits(scene: ExportScene, tmp_path: Path) -> None:
    offset = np.array([452_000.0, 5_411_000.0, 320.0])
    points = np.random.default_rng(0).normal(size=(30, 3)) + offset
    made = make_gaussians(points - offset, np.full((30, 3), 9, np.uint8), 0, 0.5)
    values = {name: p.detach().double() for name, p in made.items()}
    values["means"] = torch.tensor(points)
    save_ply(values, tmp_path / "g.ply", offset)
    far = ExportScene(scene.views, means_of(tmp_path / "g.ply"), tmp_path / "g.ply", offset)
    done = export_scene(far, ["colmap", "nerfstudio", "splat"], tmp_path)
    assert done.notes == [
        "splat: add (452000, 5411000, 320) to x, y and z for the run's own world, which 32-bit numbers do "
        "not hold"
    ]
    model = pycolmap.Reconstruction(Path(done.files["colmap"]) / "sparse" / "0")
    found = np.array([p.xyz for _, p in sorted(model.points3D.items())])
    np.testing.assert_allclose(found, points, atol=1e-6)
    ply = read_points_ply(Path(done.files["nerfstudio"]) / "points.ply")
    np.testing.assert_allclose(ply.points, points, atol=1e-6)
    first = struct.unpack("<3f", Path(done.files["splat"]).read_bytes()[:12])
    assert np.abs(first).max() < 10


def test_rerun_records_cameras_and_points(scene: ExportScene, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk is not installed")
    content = written(scene, "rerun", tmp_path).read_bytes()
    assert content[:4] == b"RRF2" and b"points" in content


def test_rerun_that_is_not_there_is_said(
    scene: ExportScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rerun", None)
    done = export_scene(scene, ["rerun"], tmp_path)
    assert done.missing == {"rerun": "scene.rrd needs rerun-sdk: pip install 'hw4[rerun]'"}


def test_what_a_scene_lacks_is_said(scene: ExportScene, tmp_path: Path) -> None:
    bare = ExportView("a.png", scene.views[0].cam_from_world, None, SIZE, None)
    nothing = Cloud(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), None, 0)
    done = export_scene(ExportScene((bare,), nothing), ["colmap", "ply", "spz", "tum", "glb"], tmp_path)
    assert set(done.files) == {"tum"}
    assert done.missing["glb"] == "there are neither points nor cameras with intrinsics"
    assert done.missing["colmap"] == "no camera has intrinsics" and "task=splat" in done.missing["spz"]
    none = export_scene(ExportScene((), nothing), ["tum", "ply"], tmp_path)
    assert none.missing == {"tum": "no photo has a camera", "ply": "there are no points"}


def test_only_a_photo_that_is_the_cameras_image_is_taken(tmp_path: Path) -> None:
    K = np.array([[20.0, 0, 8], [0, 20, 6], [0, 0, 1]])
    whole, crop, turned = (tmp_path / f"{name}.png" for name in ("whole", "crop", "turned"))
    for path, size in ((whole, (64, 48)), (crop, (64, 64))):
        Image.new("RGB", size).save(path)
    tagged(Image.new("RGB", (64, 48)), turned, 6)
    cameras = [ShownCamera(p.stem, np.eye(3, 4), K, (16, 12), p) for p in (whole, crop, turned)]
    scene = scene_of_view(View3D(cameras=[*cameras, cameras[0]]))
    assert [view.size for view in scene.views] == [(64, 48), (16, 12), (64, 48), (64, 48)]
    assert scene.views[1].photo is None and isinstance(scene.views[2].photo, AsStored)
    np.testing.assert_allclose(scene.views[0].K, np.diag([4.0, 4, 1]) @ K)
    assert [view.name for view in scene.views] == [
        "0000_whole.png",
        "crop.png",
        "turned.png",
        "0003_whole.png",
    ]
    folder = written(scene, "colmap", tmp_path)
    assert Image.open(folder / "images" / "turned.png").size == (64, 48)
    assert not (folder / "images" / "crop.png").exists()


def job(task: str, tmp_path: Path, name: str, **changes: object) -> Path:
    config = Config(
        task=task,
        model=SfmConfig(),
        wandb=WandbConfig(mode="disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(tmp_path / "cache"), reuse=False),
        **changes,  # type: ignore[arg-type]
    )
    run_job(config, tmp_path / name, Console(quiet=True))
    return tmp_path / name


@pytest.mark.slow
def test_a_demo_is_exported_with_its_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: KnownModel(lost=1))
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        Image.new("RGB", (32, 24), (number, 0, 0)).save(photos / f"{number}.png")
    demo = DemoConfig(images=str(photos), export=["colmap_text", "tum", "splat"])
    first = job("demo", tmp_path, "demo", demo=demo)
    results = json.loads((first / "results.json").read_text())["demo"]
    assert Path(results["files"]["export_colmap_text"]).is_dir()
    assert results["missing"]["export of splat"].startswith("there are no Gaussians")
    later = job("export", tmp_path, "export", export=ExportConfig(run=str(first)))
    exported = json.loads((later / "results.json").read_text())["export"]
    assert set(exported["files"]) >= {"colmap", "colmap_text", "nerfstudio", "tum", "glb", "ply"}
    assert exported["n_views"] == 2 and set(exported["missing"]) >= {"splat", "spz"}
    for path in (first / "export" / "colmap_text", later / "export" / "colmap"):
        model = pycolmap.Reconstruction(path / "sparse" / "0")
        # The photos are twice as large as what the model saw of them.
        assert {image.name for image in model.images.values()} == {"0.png", "2.png"}
        assert {tuple(c.params) for c in model.cameras.values()} == {(40.0, 40.0, 16.0, 12.0)}
        assert len(model.points3D) > 100 and (path / "images" / "2.png").is_file()
    with pytest.raises(UserError, match="cannot be exported so .*splat: there are no Gaussians"):
        job("export", tmp_path, "no", export=ExportConfig(run=str(first), formats=["tum", "splat"]))
    with pytest.raises(UserError, match="nothing that is called so, but demo"):
        scene_of_run(first, "idx 3")
    with pytest.raises(UserError, match="needs export.run"):
        job("export", tmp_path, "none")
    with pytest.raises(ConfigError, match="export.formats=.* names no format, or one that there is not"):
        ExportConfig(formats=["usdz"])


def test_a_moved_file_of_gaussians_is_exported_where_it_belongs(scene: ExportScene, tmp_path: Path) -> None:
    points, utm = np.random.default_rng(0).normal(size=(9, 3)), np.array([452000.0, 5411000.0, 320.0])
    values = make_gaussians(points, np.full((9, 3), 200, np.uint8), 0, 0.5)
    save_ply({**values, "means": torch.from_numpy(points + utm)}, tmp_path / "moved.ply", utm)
    camera = ShownCamera("0", np.eye(4)[:3], np.eye(3), SIZE, None)
    moved = scene_of_view(View3D(cameras=[camera], splats=tmp_path / "moved.ply"))
    np.testing.assert_allclose(moved.points.points, points + utm, atol=1e-6)
    np.testing.assert_array_equal(moved.offset, utm)
