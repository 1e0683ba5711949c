"""What a finished run's folder holds to look at in 3D: clouds, cameras with photos, splats, ground truth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from hw4.data.pairs import PairSample, load_pairs
from hw4.data.scenes import Scene, scene_of
from hw4.errors import UserError
from hw4.pose.clouds import read_cloud
from hw4.report.runs import Run, load_runs
from hw4.show.files3d import read_points_ply
from hw4.show.truth import true_cameras


@dataclass(frozen=True)
class ShownCamera:
    """A camera to draw.

    Attributes:
        name: for the list of things in the scene.
        cam_from_world: (3, 4).
        K: (3, 3) in pixels of an image of `size` (width, height), or None where unknown.
        photo: the image file, or None where it is no longer there.
    """

    name: str
    cam_from_world: np.ndarray
    K: np.ndarray | None
    size: tuple[int, int]
    photo: Path | None


@dataclass
class View3D:
    """One thing to look at; everything in one world frame.

    Attributes:
        points: (P, 3), surest first where `conf` is known.
        colors: (P, 3) uint8.
        conf: (P,) or None.
        cameras: predicted; `truth`: true ones.
        splats: 3DGS ``.ply``, or None.
        words: what there is to know, and what is missing and why, one sentence each.
    """

    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    colors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    conf: np.ndarray | None = None
    cameras: list[ShownCamera] = field(default_factory=list)
    truth: list[ShownCamera] = field(default_factory=list)
    splats: Path | None = None
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """An entry of the viewer's list; `load` reads its files."""

    label: str
    load: Callable[[], View3D]


def find_subjects(folder: Path) -> list[Subject]:
    """Everything to look at in a run's or a sweep's folder; files are read when it is chosen.

    Raises:
        UserError: the folder holds no run, or its runs left nothing to look at.
    """
    found = load_runs(folder)
    subjects = []
    for run in found.runs:
        prefix = f"{run.label}: " if found.is_sweep else ""
        for part in (_pose, _splat, _demo, _case):
            subjects += [Subject(prefix + s.label, s.load) for s in part(run)]
    if not subjects:
        states = ", ".join(f"{run.name}: {run.status}" for run in found.runs)
        raise UserError(
            f"{folder} holds nothing to look at in 3D ({states}); view.run takes the folder of a finished "
            "pose, splat, demo or case run."
        )
    return subjects


def _found(recorded: str, run: Run) -> Path | None:
    """A file or folder that a run recorded, relative to where it ran: here, or a folder above the run's."""
    path = Path(recorded).expanduser()
    bases = [Path(), *run.folder.resolve().parents]
    return next((base / path for base in bases if (base / path).exists()), None)


class _Data:
    """Photos and ground truth of a pose run, where its data is still there."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @cached_property
    def _read(self) -> tuple[dict[int, PairSample], str | None]:
        config = self._run.typed
        if config is None:
            return {}, "the run's configuration is lost"
        try:
            return {s.idx: s for s in load_pairs(config.data, config.input)}, None
        except UserError as error:
            return {}, str(error)

    def sample(self, idx: int) -> tuple[PairSample | None, str | None]:
        """The sample, or why it cannot be read."""
        samples, problem = self._read
        sample = samples.get(idx)
        if sample is not None and sample.problem is not None:
            return None, sample.problem
        return sample, problem if problem or sample else f"the data has no sample {idx} any more"


def _pose(run: Run) -> Iterator[Subject]:
    data = _Data(run)
    for record in (run.pose or {}).get("samples", []):
        error = record.get("rotation_error_deg")
        outcome = f"{error:.1f}°" if error is not None else "no result"
        yield Subject(f"idx {record['idx']} ({outcome})", partial(_pose_view, run, data, record))


def _pose_view(run: Run, data: _Data, record: dict[str, Any]) -> View3D:
    idx = int(record["idx"])
    sample, problem = data.sample(idx)
    view = View3D(words=_pose_words(record))
    paths: Sequence[Path | None]
    if sample is not None:
        paths, truth = sample.image_paths, sample.cam_from_world
    else:
        paths, truth = [_found(record["img1"], run), _found(record["img2"], run)], None
        view.words.append(f"The ground truth is missing: {problem}")
    cache = _found(str((run.pose or {}).get("cache_dir") or ""), run)
    cloud = cache / "clouds" / f"{idx}.npz" if cache is not None and "selection" not in record else None
    _add_prediction(view, cloud, record.get("cam_from_world"), list(paths), truth)
    return view


def _pose_words(record: dict[str, Any]) -> list[str]:
    rotation, translation = record.get("rotation_error_deg"), record.get("translation_error_deg")
    if rotation is None:
        words = [f"No result: {record.get('reason') or 'no reason was recorded'}."]
    else:
        direction = "" if translation is None else f", translation direction by {translation:.2f}°"
        words = [f"Rotation wrong by {rotation:.2f}°{direction}."]
    if record.get("true_angle_deg") is not None:
        words.append(f"The pair is {record['true_angle_deg']:.1f}° wide; {record['n_views']} views.")
    return words + [f"{where}: {text}" for where, text in (record.get("diagnoses") or {}).items()]


def _add_prediction(
    view: View3D,
    cloud_file: Path | None,
    two_cameras: Any,
    paths: list[Path | None],
    truth: np.ndarray | None,
) -> None:
    """Put a kept cloud with all its cameras into a view; else the two cameras of the record."""
    cloud = None if cloud_file is None else read_cloud(cloud_file)
    if cloud is not None:
        view.points, view.colors, view.conf = cloud.points, cloud.colors, cloud.conf
        cameras, Ks, sizes = cloud.cam_from_world, cloud.Ks, cloud.sizes
    else:
        view.words.append("The point cloud is missing: the run's cache does not hold it (any more).")
        if two_cameras is None:
            return
        cameras = np.array(two_cameras, float)[:, :3]
        Ks, sizes, paths = np.full((2, 3, 3), np.nan), np.full((2, 2), 1), [paths[0], paths[-1]]
    if cloud is not None and view.conf is None:
        view.words.append("No confidence: the model gives none.")
    if len(paths) != len(cameras):
        paths = [paths[0], *[None] * (len(cameras) - 2), paths[-1]]
    lost = 0
    for number, camera in enumerate(cameras):
        if not np.isfinite(camera).all():
            lost += 1
            continue
        K = Ks[number] if np.isfinite(Ks[number]).all() else None
        size = (int(sizes[number][0]), int(sizes[number][1]))
        view.cameras.append(ShownCamera(f"view {number}", camera, K, size, paths[number]))
    if lost:
        view.words.append(f"{lost} of {len(cameras)} views have no camera.")
    if truth is None:
        return
    shown = true_cameras(truth, cameras)
    if shown.cam_from_world is None:
        view.words.append(f"The true cameras cannot be shown: {shown.remark}.")
        return
    view.words.append(f"True cameras: {shown.remark}.")
    K, size = (view.cameras[0].K, view.cameras[0].size) if view.cameras else (None, (1, 1))
    for name, camera, path in zip(
        ("first", "last"), shown.cam_from_world, (paths[0], paths[-1]), strict=True
    ):
        in_world = camera @ np.vstack([cameras[0][:3], (0, 0, 0, 1)])
        view.truth.append(ShownCamera(f"true {name}", in_world[:3], K, size, path))


def _splat(run: Run) -> Iterator[Subject]:
    if run.splat is not None:
        psnr = run.splat["psnr"]
        label = "splats" if psnr is None else f"splats ({psnr:.2f} dB)"
        yield Subject(label, partial(_splat_view, run))


def _splat_view(run: Run) -> View3D:
    result: dict[str, Any] = run.splat or {}
    view = View3D(words=[f"{result['n_gaussians']} Gaussians, {result['iterations']} iterations."])
    view.splats = run.file(str(result.get("files", {}).get("ply", "")))
    if view.splats is None:
        view.words.append("The splats are missing: the run's gaussians.ply is not there (any more).")
    try:
        assert run.typed is not None
        scene = scene_of(run.typed.data)
    except (UserError, AssertionError) as error:
        view.words.append(f"The scene's photos and cameras are missing: {error or 'no configuration'}")
        return view
    if scene.train.cam_from_world is None:
        view.words.append("The scene has no true cameras; those that the model estimated were not kept.")
        return view
    view.truth = list(_scene_cameras(scene))
    if scene.train.points is not None and len(scene.train.points):
        view.points = scene.train.points
        gray = np.full((len(view.points), 3), 128, np.uint8)
        view.colors = gray if scene.train.colors is None else scene.train.colors
        view.words.append("The points are the scene's own; they are hidden behind a tick box.")
    return view


def _scene_cameras(scene: Scene) -> Iterator[ShownCamera]:
    train, test = scene.train, scene.test
    if train.cam_from_world is not None and train.Ks is not None:
        for i, name in enumerate(train.names):
            height, width = train.images[i].shape[:2]
            camera = train.cam_from_world[i][:3]
            yield ShownCamera(f"train {name}", camera, train.Ks[i], (width, height), train.paths[i])
    if test.cam_from_world is not None and test.Ks is not None and test.sizes is not None:
        for i, name in enumerate(test.names):
            size = (int(test.sizes[i][0]), int(test.sizes[i][1]))
            camera = test.cam_from_world[i][:3]
            yield ShownCamera(f"test {name}", camera, test.Ks[i], size, test.paths[i])


def _demo(run: Run) -> Iterator[Subject]:
    demo = run.results.get("demo")
    if isinstance(demo, dict):
        yield Subject(f"demo ({demo['n_placed']} photos)", partial(_demo_view, run, demo))


def _demo_view(run: Run, demo: dict[str, Any]) -> View3D:
    view = View3D(words=[f"{what} is missing: {why}." for what, why in demo["missing"].items()])
    ply = run.file(str(demo["files"].get("ply", "")))
    if ply is not None:
        cloud = read_points_ply(ply)
        order = np.arange(len(cloud)) if cloud.conf is None else np.argsort(-cloud.conf, kind="stable")
        view.points, view.colors = cloud.points[order], cloud.colors[order]
        view.conf = None if cloud.conf is None else cloud.conf[order]
    for number, one in enumerate(demo["views"]):
        if one["diagnosis"]:
            view.words.append(f"{one['name']}: {one['diagnosis']}.")
        if one["cam_from_world"] is not None:
            camera = np.array(one["cam_from_world"], float)
            K = None if one["K"] is None else np.array(one["K"], float)
            photo = run.file(one["photo"]) or _found(one["photo"], run)
            view.cameras.append(ShownCamera(f"view {number}", camera, K, tuple(one["size"]), photo))
    return view


def _case(run: Run) -> Iterator[Subject]:
    case = run.results.get("case")
    if not isinstance(case, dict):
        return
    for one in case["inputs"]:
        yield Subject(f"idx {case['idx']}, {one['name']}", partial(_case_view, run, one))


def _case_view(run: Run, one: dict[str, Any]) -> View3D:
    view = View3D(words=_pose_words(one))
    truth = one["true_cam_from_world"]
    cloud = None if one["cloud"] is None else run.file(one["cloud"])
    paths = [_found(path, run) for path in one["image_paths"]]
    true = None if truth is None else np.array(truth, float)
    _add_prediction(view, cloud, one["cam_from_world"], paths, true)
    return view
