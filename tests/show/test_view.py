"""The viewer: what it finds in finished runs, and what a real browser draws of it."""

import json
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from scipy.spatial.transform import Rotation

from hw4.config import (
    CandidatesConfig,
    Config,
    EvalConfig,
    InputConfig,
    PairsConfig,
    SampleConfig,
    SceneConfig,
    SplatConfig,
    ViewConfig,
)
from hw4.config.root import CacheConfig, ReportConfig, WandbConfig
from hw4.core.errors import ConfigError, UserError
from hw4.jobs.run import run_job
from hw4.launch.sweep import plan
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.models.clouds import Cloud
from hw4.models.sfm.config import SfmConfig
from hw4.show.demo.files3d import write_points_ply
from hw4.show.viewer.arrays import read_splats, standing_at
from hw4.show.viewer.drawing import Drawing
from hw4.show.viewer.run_folder import find_subjects
from hw4.show.viewer.serve import Viewer
from hw4.show.viewer.server import serve
from hw4.show.viewer.subject import ShownCamera, Subject, View3D
from hw4.splat.gaussians import make_gaussians, save_ply
from tests.support.browser import WEBGL, chromium
from tests.support.drawn import DrawnScene
from tests.support.known_model import KnownModel
from tests.support.report_folders import write_job, write_splat_job

pytestmark = pytest.mark.slow

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def base(task: str, tmp_path: Path, **changes: object) -> Config:
    return Config(
        task=task,
        model=SfmConfig(),
        wandb=WandbConfig(mode="disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(tmp_path / "cache")),
        **changes,  # type: ignore[arg-type]
    )


def test_a_pose_run_with_its_cache_and_data_and_without(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, truth = pairs_folder(2)
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: KnownModel())
    run_job(base("pose", tmp_path, data=PairsConfig(root=str(root))), tmp_path / "run", Console(quiet=True))
    subjects = find_subjects(tmp_path / "run")
    errors = [
        s["rotation_error_deg"]
        for s in json.loads((tmp_path / "run/results.json").read_text())["pose"]["samples"]
    ]
    assert [s.label for s in subjects] == [f"idx {i} ({e:.1f}°)" for i, e in enumerate(errors)]
    view = subjects[1].load()
    predicted = KnownModel().reconstruct([Path("a"), Path("b")])
    np.testing.assert_allclose([c.cam_from_world for c in view.cameras], predicted.cam_from_world)
    assert [c.photo.name if c.photo else None for c in view.cameras] == ["1_a.png", "1_b.png"]
    assert view.conf is not None and (np.diff(view.conf) <= 0).all() and len(view.points) == 2 * 16 * 12 - 1
    assert f"Rotation wrong by {errors[1]:.2f}°" in view.words[0]
    # In the first camera's frame the true pair is what the data says, at the prediction's scale.
    first, last = (np.vstack([c.cam_from_world, (0, 0, 0, 1)]) for c in view.truth)
    np.testing.assert_allclose(first[:3], predicted.cam_from_world[0], atol=1e-9)
    wanted = truth[1, 1] @ np.linalg.inv(truth[1, 0])
    shown = last @ np.linalg.inv(first)
    np.testing.assert_allclose(shown[:3, :3], wanted[:3, :3], atol=1e-9)
    cosine = shown[:3, 3] @ wanted[:3, 3] / np.linalg.norm(shown[:3, 3]) / np.linalg.norm(wanted[:3, 3])
    assert cosine == pytest.approx(1)

    shutil.rmtree(root)
    (tmp_path / "cache").rename(tmp_path / "other")
    (tmp_path / "run").rename(tmp_path / "moved")
    poor = find_subjects(tmp_path / "moved")[1].load()
    assert len(poor.cameras) == 2 and poor.truth == [] and len(poor.points) == 0
    np.testing.assert_allclose(poor.cameras[1].cam_from_world, predicted.cam_from_world[1])
    assert any("ground truth is missing" in w for w in poor.words)
    (why,) = [w for w in poor.words if "point cloud is missing" in w]
    assert str(tmp_path / "cache") in why and "is not there (any more)" in why


@pytest.mark.parametrize("selection", ["medoid", "oracle"])
def test_an_interpose_run_shows_the_picked_candidate(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selection: str
) -> None:
    root, _ = pairs_folder(1, frames=6)
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: KnownModel())
    inputs = InputConfig(
        "interpolated", selection=selection, candidates=CandidatesConfig(subsets=3, frames=2)
    )
    config = base("pose", tmp_path, data=PairsConfig(root=str(root)), input=inputs)
    run_job(config, tmp_path / "run", Console(quiet=True))
    record = json.loads((tmp_path / "run/results.json").read_text())["pose"]["samples"][0]
    (subject,) = find_subjects(tmp_path / "run")
    view = subject.load()
    predicted = KnownModel().reconstruct([Path()] * 4)
    np.testing.assert_allclose([c.cam_from_world for c in view.cameras], predicted.cam_from_world)
    assert len(view.points) == 4 * 16 * 12 - 1 and view.conf is not None
    picked = record["selection"]["picked"]
    names = [c.photo.name for c in view.cameras if c.photo]
    assert names == ["0_a.png", *picked["frames"], "0_b.png"]
    assert not any("missing" in word for word in view.words)

    del picked["cloud"]
    results = json.loads((tmp_path / "run/results.json").read_text())
    results["pose"]["samples"] = [record]
    (tmp_path / "run/results.json").write_text(json.dumps(results))
    words = find_subjects(tmp_path / "run")[0].load().words
    assert any("cloud is missing: an older version kept no points of this candidate" in w for w in words)


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "a" * 300, ""])
def test_an_address_of_another_machine_is_refused_at_once(host: str) -> None:
    with pytest.raises(UserError, match=r"cannot listen on view\.host=.*; set view\.host"):
        Viewer([Subject("nothing", View3D)], host, 0)


class ByName(ReconstructionModel):
    """Cameras that belong to the photos, and points on a wall."""

    name, weights_label = "by name", "none"

    def __init__(self, cameras: dict[str, np.ndarray]) -> None:
        self.cameras = cameras

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        n, K = len(image_paths), np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
        points = np.random.default_rng(0).normal(size=(200, 3)) + np.array([0, 0, 4])
        cameras = np.stack([self.cameras[path.name] for path in image_paths])
        images = [np.zeros((48, 64, 3), np.uint8)] * n
        eyes, sizes = np.tile(np.eye(3), (n, 1, 1)), np.tile((64, 48), (n, 1))
        return Reconstruction(cameras, np.tile(K, (n, 1, 1)), sizes, eyes, images, points=points)


def test_splats_of_bare_photos_show_the_cameras_that_were_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    cameras = {}
    for number in range(5):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(tmp_path / f"{number}.png")
        cameras[f"{number}.png"] = np.eye(4)[:3] + np.eye(3, 4, 3) * 0.3 * rng.normal(size=(3, 1))
    monkeypatch.setattr("hw4.models.registry.build_model", lambda _: ByName(cameras))
    splat = SplatConfig(iterations=2, video_frames=0, eval=EvalConfig(lpips_download=False))
    data = SceneConfig(root=str(tmp_path), test_every=4)
    run_job(base("splat", tmp_path, data=data, splat=splat), tmp_path / "run", Console(quiet=True))
    (subject,) = find_subjects(tmp_path / "run")
    view = subject.load()
    roles = {c.photo.name: c.name.split()[0] for c in view.cameras if c.photo}
    tests = [name for name, role in roles.items() if role == "test"]
    assert len(roles) == 5 and 1 <= len(tests) <= 2 and view.truth == []
    assert len({c.color for c in view.cameras}) == 2, "one colour for training, another for test cameras"
    for camera in view.cameras:
        assert camera.size == (64, 48) and camera.photo is not None
        # Two steps of training turn and move a camera by little.
        np.testing.assert_allclose(camera.cam_from_world, cameras[camera.photo.name], atol=0.02)
    assert any("no cameras of its own: those shown are the model's" in w for w in view.words)
    next((tmp_path / "run").rglob("cameras.json")).unlink()
    shutil.rmtree(tmp_path / "cache")
    poor = find_subjects(tmp_path / "run")[0].load()
    assert poor.cameras == [] and any("the run left no cameras.json" in w for w in poor.words)


def test_a_true_camera_frames_the_predicted_one(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (8, 6)).save(photo)
    predicted, true = (ShownCamera(name, np.eye(4)[:3], None, (8, 6), photo) for name in ("view 0", "true"))
    alone = ShownCamera("test", np.eye(4)[:3], None, (8, 6), tmp_path / "b.png", (1, 2, 3))
    Image.new("RGB", (8, 6)).save(tmp_path / "b.png")
    scene = DrawnScene()
    Drawing(scene, "/left", View3D(cameras=[predicted], truth=[true, alone])).draw_cameras(photos=True)
    inner, outer, other = scene.of("camera_frustum")
    assert outer.scale > inner.scale and inner.image is not None and outer.image is None
    assert other.image is not None and other.color == (1, 2, 3)


def test_splats_and_demos_and_what_is_nothing_to_see(tmp_path: Path) -> None:
    data = SampleConfig(root=str(tmp_path / "sample"), pairs=1, frames=3, width=64, height=48)
    sweep = tmp_path / "sweep"
    write_splat_job(sweep / "0", base("splat", tmp_path, data=data), 20.0)
    results = json.loads((sweep / "0" / "results.json").read_text())
    results["splat"]["files"]["ply"] = "/long/gone/0/splat/gaussians.ply"
    (sweep / "0" / "results.json").write_text(json.dumps(results))
    ply = sweep / "0" / "splat" / "gaussians.ply"
    save_ply(make_gaussians(np.zeros((2, 3)), np.full((2, 3), 200, np.uint8), 0, 0.5), ply)
    cloud = Cloud(np.eye(3), np.zeros((3, 3), np.uint8), np.array([1.0, 3, 2], np.float32), 3)
    write_points_ply(cloud, sweep / "1" / "points.ply")
    camera = {
        "name": "a.jpg",
        "photo": "/gone/a.jpg",
        "cam_from_world": np.eye(4)[:3].tolist(),
        "diagnosis": None,
    }
    lost = {**camera, "cam_from_world": None, "diagnosis": "no camera was found"}
    one = {"K": np.eye(3).tolist(), "size": [4, 3]}
    demo = {
        "n_placed": 1,
        "missing": {"depth": "model=sfm gives no depth"},
        "files": {"ply": "/gone/1/points.ply"},
        "views": [camera | one, lost | one],
    }
    write_job(sweep / "1", base("demo", tmp_path), demo=demo)
    (sweep / "multirun.yaml").touch()
    subjects = find_subjects(sweep)
    assert [s.label for s in subjects] == ["job 0: splats (20.00 dB)", "job 1: demo (1 photos)"]
    splat, shown = (s.load() for s in subjects)
    assert splat.splats == ply and len(splat.points) > 1000
    assert [c.name.split()[0] for c in splat.truth] == ["train"] * 3 + ["test"] * 4
    train_color, test_color = splat.truth[0].color, splat.truth[-1].color
    assert train_color != test_color and [c.color for c in splat.truth].count(train_color) == 3
    assert all(c.photo is not None and c.photo.is_file() and c.size == (64, 48) for c in splat.truth)
    np.testing.assert_allclose(shown.points, np.eye(3)[[1, 2, 0]])
    assert len(shown.cameras) == 1 and shown.cameras[0].photo is None
    assert shown.words == ["depth is missing: model=sfm gives no depth.", "a.jpg: no camera was found."]

    write_job(tmp_path / "scored", base("score", tmp_path))
    with pytest.raises(
        UserError, match=r"nothing to look at in 3D \(scored: ok\); view.run takes the folder"
    ):
        find_subjects(tmp_path / "scored")
    for run, words in ((None, "task=view needs view.run="), (str(tmp_path / "no"), "no is not a folder")):
        with pytest.raises(UserError, match=words):
            config = base("view", tmp_path, view=ViewConfig(run=run))
            run_job(config, tmp_path / "out", Console(quiet=True))


def test_splats_as_viser_wants_them(tmp_path: Path) -> None:
    gaussians = make_gaussians(
        np.array([[1.0, 2, 3], [0, 0, 0]]), np.array([[255, 0, 51], [0, 0, 0]], np.uint8), 3, 0.25
    )
    turn = Rotation.from_euler("xyz", (30, 40, 50), degrees=True)
    scales = np.array([0.1, 0.2, 0.5])
    with torch.no_grad():
        x, y, z, w = turn.as_quat()
        gaussians["quats"][0] = 7 * torch.tensor([w, x, y, z])
        gaussians["scales"][0] = torch.tensor(np.log(scales))
    save_ply(gaussians, tmp_path / "g.ply")
    centers, covariances, rgbs, opacities = read_splats(tmp_path / "g.ply")
    axes = turn.as_matrix()
    expected = sum(s**2 * np.outer(axes[:, i], axes[:, i]) for i, s in enumerate(scales))
    np.testing.assert_allclose(covariances[0], expected, atol=1e-6)
    np.testing.assert_allclose(centers[0], (1, 2, 3))
    np.testing.assert_allclose(rgbs[0], (1, 0, 0.2), atol=1e-3)
    np.testing.assert_allclose(opacities, 0.25, atol=1e-6)


def share(png: Path, color: tuple[int, int, int]) -> float:
    """Share of the left two thirds of the picture that is of about that colour."""
    image = np.asarray(Image.open(png).convert("RGB")).astype(int)
    image = image[:, : 2 * image.shape[1] // 3]
    return float((np.abs(image - color).max(axis=2) < 40).mean())


def test_in_a_real_browser(tmp_path: Path) -> None:
    """The surer half of the points is magenta, the other cyan; a red photo; one large yellow splat."""
    x, y = np.meshgrid(np.linspace(-2, 2, 60), np.linspace(-1.5, 1.5, 40))
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 4.0)], 1)
    down = np.array([0, 1.6, 0])
    points = np.concatenate([points - down, points + down])
    n = len(points) // 2
    colors = np.repeat(np.array([[255, 0, 255], [0, 255, 255]], np.uint8), n, axis=0)
    photo = tmp_path / "red.png"
    Image.new("RGB", (64, 48), (255, 0, 0)).save(photo)
    K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    camera = ShownCamera("view 0", np.eye(4)[:3], K, (64, 48), photo)
    gaussians = make_gaussians(np.array([[0.0, 0, 4]]), np.array([[255, 255, 0]], np.uint8), 0, 0.99)
    save_ply(gaussians, tmp_path / "g.ply")
    words = ["Rotation wrong by 1.25°.", "<img src=x onerror=alert(1)>.png: *no* camera."]
    cloud = View3D(points, colors, np.linspace(9, 1, 2 * n), [camera], words=words)
    magenta, cyan, red, yellow, blue = (255, 0, 255), (0, 255, 255), (255, 0, 0), (255, 255, 0), (0, 0, 255)
    other = View3D(2 * points, np.full_like(colors, blue), words=["Rotation wrong by 40°."])
    subjects = [
        Subject("idx 7", lambda: cloud, group="first"),
        Subject("splats", lambda: View3D(splats=tmp_path / "g.ply"), group="first"),
        Subject("idx 7", lambda: other, group="second"),
    ]
    viewer = Viewer(subjects, "127.0.0.1", free_port())

    def settled(page: Any, holds: Callable[[Path], bool]) -> Path:
        """A screenshot of which something holds, within 20 seconds."""
        png = tmp_path / "shot.png"
        for _ in range(100):
            page.screenshot(path=str(png))
            if holds(png):
                break
            page.wait_for_timeout(200)
        return png

    try:
        with chromium(WEBGL) as opened:
            page, errors = opened.new_page(viewport={"width": 900, "height": 600}), []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(viewer.url)
            both = settled(page, lambda png: min(share(png, c) for c in (magenta, cyan, red)) > 0.005)
            assert min(share(both, c) for c in (magenta, cyan, red)) > 0.005
            for text in words:
                assert text in page.inner_text("body")
            viewer.hidden.value = 50
            surer = settled(page, lambda png: share(png, cyan) == 0 < 0.005 < share(png, magenta))
            assert share(surer, cyan) == 0 and share(surer, magenta) > 0.005
            viewer.show_photos.value = False
            assert share(settled(page, lambda png: share(png, red) < 0.001), red) < 0.005
            # By keyboard alone: to the list, open it, down to the other run, take it.
            focused = "document.activeElement.value"
            for _ in range(20):
                page.keyboard.press("Tab")
                if page.evaluate(focused) == "no other run":
                    break
            marked = page.locator("[data-combobox-selected]:visible")
            for _ in range(20):
                page.keyboard.press("ArrowDown")
                page.wait_for_timeout(100)
                if marked.count() and marked.first.inner_text() == "second":
                    break
            page.keyboard.press("Enter")
            beside = settled(page, lambda png: min(share(png, magenta), share(png, blue)) > 0.005)
            assert min(share(beside, magenta), share(beside, blue)) > 0.005
            assert "second (right): Rotation wrong by 40°." in page.inner_text("body")
            viewer.choice.value = "splats"
            page.get_by_text("second has no splats.").wait_for()
            splats = settled(page, lambda png: share(png, magenta) == 0 < 0.005 < share(png, yellow))
            assert share(splats, yellow) > 0.005 and share(splats, magenta) == 0
            assert errors == []
    finally:
        viewer.stop()


def test_the_job_ends_by_itself_and_by_ctrl_c(tmp_path: Path) -> None:
    finished = write_splat_job(
        tmp_path / "run", base("splat", tmp_path, data=PairsConfig(root="/gone")), 20.0
    )
    options = ViewConfig(run=str(finished), port=free_port(), seconds=0.1)
    run_job(base("view", tmp_path, view=options), tmp_path / "out", Console(quiet=True))
    shown = json.loads((tmp_path / "out" / "results.json").read_text())["view"]
    assert shown["url"] == f"http://localhost:{options.port}" and shown["subjects"] == ["splats (20.00 dB)"]
    stopped = []

    class Running:
        def stop(self) -> None:
            stopped.append(True)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    serve(Running(), None, interrupt)  # type: ignore[arg-type]
    assert stopped == [True]
    with pytest.raises(ConfigError, match="would repeat the same job"):
        plan(["task=view", "splat.lr=1e-4,2e-4"], multirun=True)
    with pytest.raises(ConfigError, match=r"view.port=0 is impossible"):
        ViewConfig(port=0)


def test_entries_are_grouped_by_run_and_the_worst_comes_first() -> None:
    errors = [3.0, None, 90.0]
    subjects = [
        Subject(f"idx {i}", View3D, error=None if error is None else error + shift, group=run)
        for run, shift in (("a", 0), ("b", 1))
        for i, error in enumerate(errors)
    ]
    viewer = Viewer(subjects, "127.0.0.1", free_port())
    try:
        assert list(viewer.run.options) == ["a", "b"] and viewer.run.visible
        assert list(viewer.choice.options) == ["idx 2", "idx 0", "idx 1"] and viewer.choice.value == "idx 2"
        viewer.pick(3)
        assert (viewer.run.value, viewer.choice.value) == ("b", "idx 0")
    finally:
        viewer.stop()


def test_who_looks_through_a_camera_stands_where_it_is() -> None:
    """Far from the origin and turned: a point on the optical axis is straight ahead, at its distance."""
    rotation = Rotation.from_rotvec([0.3, -0.8, 0.2]).as_matrix()
    center = np.array([5e5, 4e6, 30.0])
    camera = ShownCamera(
        "c",
        np.column_stack([rotation, -rotation @ center]),
        np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]),
        (64, 48),
        None,
    )
    to_first = np.eye(4)
    to_first[:3, :3] = Rotation.from_rotvec([0, 0.5, 0]).as_matrix()
    origin = np.array([5e5, 4e6, 0.0])
    wxyz, position, fov = standing_at(camera, to_first, origin)
    ahead = to_first[:3, :3] @ (center + 7 * rotation[2] - origin)
    seen = Rotation.from_quat(wxyz[[1, 2, 3, 0]]).inv().apply(ahead - position)
    assert seen == pytest.approx([0, 0, 7], abs=1e-8)
    assert fov == pytest.approx(2 * np.arctan(24 / 50))


def test_what_lies_far_from_the_origin_is_drawn_near_it() -> None:
    """A browser's 32 bits would round UTM coordinates to half a metre."""
    center = np.array([452000.0, 5411000.0, 320.0])
    cameras = [
        ShownCamera(str(n), np.column_stack([np.eye(3), -(center + np.array([n, 0, 0]))]), None, (8, 6), None)
        for n in range(2)
    ]
    points = center + np.random.default_rng(0).normal(size=(20, 3))
    scene = DrawnScene()
    view = View3D(points=points, colors=np.zeros((20, 3), np.uint8), cameras=cameras)
    drawing = Drawing(scene, "/left", view)
    drawing.draw_cameras(photos=True)
    drawing.draw_points(0, 1, visible=True)
    first, second = scene.of("camera_frustum")
    np.testing.assert_allclose(first.position, 0, atol=1e-9)
    np.testing.assert_allclose(second.position, [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(scene.of("point_cloud")[0].given[0], points - center, atol=1e-6)
