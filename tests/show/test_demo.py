"""The demo: photos or a video in, panels and 3D files out, checked by reading the files back."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image
from plyfile import PlyData
from rich.console import Console

from hw4.config import Config, DemoConfig, PairsConfig, SampleConfig
from hw4.config.root import CacheConfig, WandbConfig
from hw4.core.errors import ConfigError, UserError
from hw4.data.photos import spread
from hw4.jobs import demo as demo_job
from hw4.jobs.run import run_job
from hw4.models.base import ReconstructionFailed
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.upstream import import_alignment
from hw4.models.sfm.config import SfmConfig
from hw4.show.demo.clean import cleaned
from hw4.show.demo.photos import find_photos
from hw4.show.demo.run import run_demo
from tests.support.cli import plan
from tests.support.known_model import SIZE, K, KnownModel

pytestmark = pytest.mark.slow


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "photos" / f"{name}.jpg" for name in ("a", "b", "c")]
    paths[0].parent.mkdir()
    for path in paths:
        Image.new("RGB", (32, 24), (90, 120, 30)).save(path)
    return paths


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures, which take most of a demo's time, are left out where nobody looks at them."""
    monkeypatch.setattr("hw4.show.demo.run.save_figure", lambda figure, path: path)


def read_ply(path: str) -> tuple[np.ndarray, np.ndarray]:
    vertex = PlyData.read(path)["vertex"]
    return np.stack([vertex[name] for name in "xyz"], 1), vertex.data


def test_files_hold_what_the_model_said(photos: list[Path], tmp_path: Path) -> None:
    model = KnownModel()
    result = run_demo(photos, model, DemoConfig(min_conf_thr=2.0), tmp_path / "out")
    r = model.reconstruct(photos)
    assert r.pts3d is not None and r.conf is not None
    points, conf = (
        np.concatenate([p.reshape(-1, 3) for p in r.pts3d]),
        np.concatenate([c.ravel() for c in r.conf]),
    )
    sure = np.isfinite(points).all(1) & (conf >= 2)
    assert (result.n_points, result.n_points_all) == (sure.sum(), len(points) - 1)
    written, data = read_ply(result.files["ply"])
    np.testing.assert_allclose(written, points[sure], atol=1e-6)
    np.testing.assert_allclose(data["confidence"], conf[sure])
    colors = np.concatenate([i.reshape(-1, 3) for i in r.images])[sure]
    np.testing.assert_array_equal(np.stack([data[c] for c in ("red", "green", "blue")], 1), colors)
    assert [Path(v.panel).name for v in result.views] == ["a.png", "b.png", "c.png"]
    assert all(Image.open(v.panel).width > 3 * 300 for v in result.views) and result.missing == {}
    np.testing.assert_allclose(result.views[1].K_original, np.diag([2, 2, 1]) @ K)

    scene = trimesh.load(result.files["glb"])
    nodes = {name: scene.geometry[scene.graph[name][1]] for name in scene.graph.nodes_geometry}
    assert len(nodes) == 1 + 2 * 3
    # Back from glTF's axes (y up, looking along -z) into each camera: its photo must project onto its image.
    first = np.vstack([r.cam_from_world[0], (0, 0, 0, 1)])
    for view, name in enumerate("abc"):
        mesh = nodes[f"photo_{view}_{name}"]
        in_first = np.asarray(mesh.vertices) * (1, -1, -1)
        relative = np.vstack([r.cam_from_world[view], (0, 0, 0, 1)]) @ np.linalg.inv(first)
        in_camera = in_first @ relative[:3, :3].T + relative[:3, 3]
        assert (in_camera[:, 2] > 0).all()
        pixels = in_camera @ K.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        # Texture coordinates as trimesh reads them: v runs up, so the top left is (0, 1).
        expected = np.asarray(mesh.visual.uv) * (SIZE[0], -SIZE[1]) + (0, SIZE[1])
        np.testing.assert_allclose(pixels, expected, atol=1e-4)
        # The wire's tip is the camera's centre, up to the wire's thickness.
        wire = np.asarray(nodes[f"camera_{view}_{name}"].vertices) * (1, -1, -1)
        center = -relative[:3, :3].T @ relative[:3, 3]
        assert np.linalg.norm(wire - center, axis=1).min() < 0.1 * np.ptp(wire, axis=0).max()
    cloud = np.asarray(nodes["points"].vertices) * (1, -1, -1)
    np.testing.assert_allclose(cloud, points[sure] @ first[:3, :3].T + first[:3, 3], atol=1e-5)


def test_six_photos_are_two_sheets_of_three(photos: list[Path], tmp_path: Path) -> None:
    result = run_demo([*photos, *photos], KnownModel(), DemoConfig(), tmp_path / "six")
    sheets = [Image.open(result.files[name]).size for name in sorted(result.files) if "sheet" in name]
    one = Image.open(result.views[0].panel).size
    assert len(sheets) == 2 and sheets[0] == sheets[1]
    assert sheets[0][1] == pytest.approx(3 * one[1], rel=0.05)
    few = run_demo(photos[:2], KnownModel(), DemoConfig(), tmp_path / "two")
    assert "sheet_1" in few.files and "sheet_2" not in few.files


def test_the_threshold_filters_the_3d_files_alone(photos: list[Path], tmp_path: Path) -> None:
    plain, sure = (
        run_demo(photos, KnownModel(), DemoConfig(min_conf_thr=limit), tmp_path / f"{limit:g}")
        for limit in (0.0, 4.0)
    )
    assert 0 < sure.n_points < plain.n_points
    for name in ("a", "b", "c"):
        both = [tmp_path / limit / "panels" / f"{name}.png" for limit in ("0", "4")]
        assert both[0].read_bytes() == both[1].read_bytes()


def test_depth_is_cleaned_as_upstream_does(photos: list[Path], undrawn: None, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    upstream = import_alignment().base_opt
    r = KnownModel().reconstruct(photos)
    rng = np.random.default_rng(0)
    size = (3, SIZE[1], SIZE[0])
    depth = rng.uniform(1, 3, size).astype(np.float32)
    r.cam_from_world[:, :, :3] = np.eye(3)
    r.cam_from_world[:, :, 3] = rng.uniform(-0.2, 0.2, (3, 3))
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(K).T
    points = [
        (rays * z[..., None] - t).astype(np.float32)
        for z, t in zip(depth, r.cam_from_world[:, :, 3], strict=True)
    ]
    conf = rng.uniform(1, 5, size).astype(np.float32)
    r = replace(r, pts3d=points, depth=list(depth), conf=list(conf))
    ours, count = cleaned(r)
    cameras = np.tile(np.eye(4), (3, 1, 1))
    cameras[:, :3] = r.cam_from_world
    theirs = upstream.clean_pointcloud(
        [torch.tensor(c) for c in conf],
        torch.tensor(r.Ks),
        torch.tensor(cameras),
        [torch.tensor(z) for z in depth],
        [torch.tensor(p, dtype=torch.float64) for p in points],
    )
    assert ours.conf is not None and 0 < count < conf.size
    for mine, other in zip(ours.conf, theirs, strict=True):
        np.testing.assert_array_equal(np.where(np.isneginf(mine), 0, mine), other.numpy())
    with_option = run_demo(photos, KnownModel(), DemoConfig(clean_depth=True), tmp_path / "clean")
    without = run_demo(photos, KnownModel(), DemoConfig(), tmp_path / "plain")
    assert with_option.n_points == without.n_points - with_option.notes["n_cleaned"]
    sparse = run_demo(photos, KnownModel(dense=False), DemoConfig(clean_depth=True), tmp_path / "sparse")
    assert "needs a model with depth and confidence" in sparse.missing["cleaned depth"]


def test_missing_things_say_so(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    from hw4.show.demo import run as demo

    save = demo.save_figure
    monkeypatch.setattr(demo, "save_figure", lambda figure, path: drawn.append(figure) or save(figure, path))
    result = run_demo(photos, KnownModel(dense=False, lost=0), DemoConfig(max_points=50), tmp_path / "sparse")
    words = [" ".join(t.get_text() for t in axes.texts) for axes in drawn[0].axes]
    assert words[0] == "" and "model=known gives no depth" in words[1].replace("\n", " ")
    assert "model=known gives no\nconfidence" in words[2]
    assert set(result.missing) == {"depth", "confidence"} and result.n_placed == 2
    assert result.views[0].cam_from_world is None and result.views[0].diagnosis == "no camera was found"
    assert result.n_points == 50 and "confidence" not in read_ply(result.files["ply"])[1].dtype.names
    nodes = trimesh.load(result.files["glb"]).graph.nodes_geometry
    assert sorted(nodes) == ["camera_1_b", "camera_2_c", "photo_1_b", "photo_2_c", "points"]
    unsure = run_demo(photos, KnownModel(), DemoConfig(min_conf_thr=9), tmp_path / "unsure")
    assert "none of 575 points is surer than demo.min_conf_thr=9" in unsure.missing["points.ply"]
    assert "glb" in unsure.files and "ply" not in unsure.files


def test_photos_of_a_folder_and_of_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8)).save(folder / f"IMG_{number}.PNG")
    # Long enough that FFmpeg would draw frames of it.
    (folder / "notes.txt").write_text("no photo\n" * 400)
    found = [path.name for path in find_photos(folder, 4, tmp_path)]
    assert found == ["IMG_0.PNG", "IMG_4.PNG", "IMG_7.PNG", "IMG_11.PNG"], "IMG_10 comes after IMG_9"
    assert len(find_photos(folder, 100, tmp_path)) == 12
    assert spread(5, 2) == [0, 4] and spread(3, 9) == [0, 1, 2]

    video = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(21):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    frames = find_photos(video, 5, tmp_path / "frames")
    levels = [int(np.median(np.asarray(Image.open(path)))) for path in frames]
    np.testing.assert_allclose(levels, [0, 50, 100, 150, 200], atol=3)

    for path in sorted(folder.glob("*.PNG"))[1:]:
        path.unlink()
    with pytest.raises(UserError, match="holds 1 photos"):
        find_photos(folder, 4, tmp_path)
    with pytest.raises(UserError, match=r"neither a folder of photos nor a video .*0 frames"):
        find_photos(folder / "notes.txt", 4, tmp_path)
    with pytest.raises(UserError, match="nowhere does not exist"):
        find_photos(tmp_path / "nowhere", 4, tmp_path)


def test_job_and_its_errors(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(
        task="demo",
        model=SfmConfig(),
        data=SampleConfig(root=str(tmp_path / "sample"), pairs=1, frames=3, width=64, height=48),
        demo=DemoConfig(max_images=3),
        wandb=WandbConfig(mode="disabled"),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: KnownModel())
    run_job(config, tmp_path / "job", Console(quiet=True))
    demo = json.loads((tmp_path / "job" / "results.json").read_text())["demo"]
    assert [view["name"] for view in demo["views"]] == ["000.png", "003.png", "006.png"]
    assert Path(demo["files"]["glb"]).is_file() and demo["n_points"] <= demo["n_points_all"]
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: 1 / 0)
    monkeypatch.setattr("hw4.show.demo.run.save_figure", lambda figure, path: path)
    run_job(config, tmp_path / "again", Console(quiet=True))
    again = json.loads((tmp_path / "again" / "results.json").read_text())["demo"]
    assert again["n_points"] == demo["n_points"], "the second run takes the reconstruction from the cache"
    with pytest.raises(UserError, match=r"demo.images=<folder of photos or video file> with data=pairs"):
        run_job(replace(config, data=PairsConfig(root=str(tmp_path))), tmp_path / "bad", Console(quiet=True))

    def fail(*_: object, **__: object) -> None:
        raise ReconstructionFailed("nothing matches")

    monkeypatch.setattr(KnownModel, "reconstruct", fail)
    with pytest.raises(UserError, match="known could not reconstruct the 3 photos: nothing matches"):
        run_demo(photos, KnownModel(), DemoConfig(), tmp_path / "out")


def test_a_scenes_folder_stands_for_its_images(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "cameras.txt").touch()
    photos[0].parent.rename(tmp_path / "scene" / "images")
    for given in (tmp_path / "scene", tmp_path / "scene" / "images"):
        config = Config(task="demo", model=SfmConfig(), demo=DemoConfig(images=str(given)))
        assert demo_job._source(config) == tmp_path / "scene" / "images"


def test_keys_that_the_demo_reads() -> None:
    assert len(plan(["task=demo", "demo.max_images=3,4", "model=dust3r,vggt"], multirun=True).jobs) == 4
    assert len(plan(["task=demo", "data.seed=1,2"], multirun=True).jobs) == 2
    for unread in (
        ["data.seed=1,2", "demo.images=/photos"],
        ["splat.lr=1e-4,2e-4"],
        ["input=pair,interpolated"],
    ):
        with pytest.raises(ConfigError, match="would repeat the same job"):
            plan(["task=demo", *unread], multirun=True)
    with pytest.raises(ConfigError, match=r"demo.max_images=1 is impossible: it must be at least 2"):
        plan(["task=demo", "demo.max_images=1"], multirun=False)
    (job,) = plan(["+experiment=q1_demo", "demo.images=/photos"], multirun=False).jobs
    assert isinstance(job.model, Dust3rConfig) and job.task == "demo" and job.model.weights == "official"
    alignment = job.model.alignment
    assert (alignment.scene_graph, alignment.schedule, alignment.iterations) == ("complete", "linear", 5000)
    assert (alignment.min_conf_thr, job.demo.min_conf_thr) == (3, 1), "it filters what is shown alone"


def test_the_runs_own_pictures_are_no_photos(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos[0].parent
    config = Config(
        task="demo",
        model=SfmConfig(),
        demo=DemoConfig(images=str(folder)),
        wandb=WandbConfig(mode="disabled"),
    )
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match=r"both the folder of the photos and of the run.*hydra\.run\.dir"):
        run_job(config, folder, Console(quiet=True))
    assert sorted(folder.iterdir()) == before
