"""What a finished run's folder holds to look at in 3D: clouds, cameras with photos, splats, ground truth."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.samples import load_samples
from hw4.pose.clouds import read_cloud
from hw4.pose.results import SampleResult
from hw4.pose.true_cameras import true_cameras
from hw4.records.found import cloud_file, found_file
from hw4.records.labels import set_labels
from hw4.records.run import Run
from hw4.records.runs import Folder, load_runs
from hw4.show.demo.files3d import read_points_ply
from hw4.show.viewer.run_splats import splat_subjects
from hw4.show.viewer.subject import ShownCamera, Subject, View3D

GONE = "the run's cache does not hold it (any more)"


def find_subjects(folder: Path) -> list[Subject]:
    """Everything to look at in a run's or a sweep's folder; files are read when it is chosen.

    Raises:
        UserError: the folder holds no run, or its runs left nothing to look at.
    """
    found = load_runs(folder)
    return _subjects(found, grouped=found.is_sweep, key="view.run")


def find_beside(folder: Path, other: Path) -> tuple[list[Subject], str]:
    """The same of two folders, and the group of the other one's first run.

    Raises:
        UserError: as `find_subjects`, or both folders are one.
    """
    if folder.resolve() == other.resolve():
        raise UserError(f"view.beside={other} is view.run itself: give another run's folder.")
    own, others = load_runs(folder), load_runs(other)
    # What tells the runs of a sweep apart need not tell them from others.
    _set_labels([*own.runs, *others.runs])
    found = _subjects(others, grouped=True, key="view.beside")
    return [*_subjects(own, grouped=True, key="view.run"), *found], found[0].group


def _subjects(found: Folder, grouped: bool, key: str) -> list[Subject]:
    subjects = [
        replace(subject, group=run.label if grouped else "")
        for run in found.runs
        for part in (_pose, splat_subjects, _demo, _case)
        for subject in part(run)
    ]
    if not subjects:
        states = ", ".join(f"{run.name}: {run.status}" for run in found.runs)
        raise UserError(
            f"{found.path} holds nothing to look at in 3D ({states}); {key} takes the folder of a finished "
            "pose, splat, demo or case run."
        )
    return subjects


def _set_labels(runs: Sequence[Run]) -> None:
    """Name runs of several folders by what tells them apart, where nothing else does by their folders."""
    set_labels(runs)
    times = Counter(run.label for run in runs)
    for run in runs:
        if times[run.label] > 1:
            run.label = f"{run.label}, {run.folder}"


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
            return {s.idx: s for s in load_samples(config.data, config.input).samples}, None
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
    for one in run.pose.samples if run.pose else ():
        error = one.error.rotation_deg
        outcome = f"{error:.1f}°" if error is not None else "no result"
        paths = one.sample.image_paths
        photos = (paths[0].name, paths[-1].name)
        load = partial(_pose_view, run, data, one)
        yield Subject(f"idx {one.sample.idx}", load, outcome, error, photos=photos)


def _pose_view(run: Run, data: _Data, one: SampleResult) -> View3D:
    sample, problem = data.sample(one.sample.idx)
    view = View3D(words=_pose_words(one))
    paths: Sequence[Path | None]
    if sample is not None:
        paths, truth = _views(sample, one), sample.cam_from_world
        # Of many views the ends are enough to see how the truth lies.
        truth = None if truth is None else truth[[0, -1]]
    else:
        paths, truth = [found_file(str(path), run) for path in one.sample.image_paths], None
        view.words.append(f"The ground truth is missing: {problem}")
    cloud, lost = cloud_file(run, one)
    _add_prediction(view, cloud, one.prediction.cam_from_world, list(paths), truth, lost)
    return view


def _views(sample: PairSample, one: SampleResult) -> Sequence[Path]:
    """Photos and frames that the model saw: of several candidates, those of the picked one."""
    picked = (one.selection or {}).get("picked") or {}
    which = picked.get("generator"), picked.get("subset")
    found = (c.image_paths for c in sample.candidates or () if (c.generator, c.subset) == which)
    return next(found, sample.image_paths)


def _pose_words(one: SampleResult) -> list[str]:
    rotation, translation = one.error.rotation_deg, one.error.translation_deg
    if rotation is None:
        words = [f"No result: {one.reason or 'no reason was recorded'}."]
    else:
        direction = "" if translation is None else f", translation direction by {translation:.2f}°"
        words = [f"Rotation wrong by {rotation:.2f}°{direction}."]
    if one.true_angle_deg is not None:
        words.append(f"The pair is {one.true_angle_deg:.1f}° wide; {one.n_views} views.")
    return words + [f"{where}: {text}" for where, text in one.prediction.diagnoses.items()]


def _add_prediction(
    view: View3D,
    cloud_file: Path | None,
    two_cameras: Any,
    paths: list[Path | None],
    truth: np.ndarray | None,
    lost_cloud: str,
) -> None:
    """Put a kept cloud with all its cameras into a view; else the two cameras of the record."""
    cloud = None if cloud_file is None else read_cloud(cloud_file)
    if cloud is not None:
        view.points, view.colors, view.conf = cloud.points, cloud.colors, cloud.conf
        cameras, Ks, sizes = cloud.cam_from_world, cloud.Ks, cloud.sizes
    else:
        view.words.append(f"The point cloud is missing: {lost_cloud}.")
        if two_cameras is None:
            return
        cameras = np.array(two_cameras, float)[:, :3]
        n = len(cameras)
        Ks, sizes = np.full((n, 3, 3), np.nan), np.full((n, 2), 1)
        paths = paths if len(paths) == n else [paths[0], paths[-1]]
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
    if view.cameras:
        what = "The points and the cameras" if len(view.points) else "The cameras"
        view.words.append(f"{what} in colour are predicted, from the first view, red, to the last, blue.")
    if lost:
        view.words.append(f"{lost} of {len(cameras)} views have no camera.")
    if truth is None:
        return
    shown = true_cameras(truth, cameras)
    if shown.cam_from_world is None:
        view.words.append(f"The true cameras cannot be shown: {shown.remark}.")
        return
    view.words.append(f"The true cameras are black, around the predicted ones: {shown.remark}.")
    K, size = (view.cameras[0].K, view.cameras[0].size) if view.cameras else (None, (1, 1))
    for name, camera, path in zip(
        ("first", "last"), shown.cam_from_world, (paths[0], paths[-1]), strict=True
    ):
        in_world = camera @ np.vstack([cameras[0][:3], (0, 0, 0, 1)])
        view.truth.append(ShownCamera(f"true {name}", in_world[:3], K, size, path))


def _demo(run: Run) -> Iterator[Subject]:
    demo = run.results.get("demo")
    if isinstance(demo, dict):
        yield Subject("demo", partial(_demo_view, run, demo), f"{demo['n_placed']} photos")


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
            photo = run.file(one["photo"]) or found_file(one["photo"], run)
            view.cameras.append(ShownCamera(f"view {number}", camera, K, tuple(one["size"]), photo))
    return view


def _case(run: Run) -> Iterator[Subject]:
    case = run.results.get("case")
    if not isinstance(case, dict):
        return
    for one in case["inputs"]:
        yield Subject(f"idx {case['idx']}, {one['name']}", partial(_case_view, run, one))


def _case_view(run: Run, one: dict[str, Any]) -> View3D:
    view = View3D(words=_pose_words(SampleResult.from_row(one)))
    truth = one["true_cam_from_world"]
    cloud = None if one["cloud"] is None else run.file(one["cloud"])
    paths = [found_file(path, run) for path in one["image_paths"]]
    true = None if truth is None else np.array(truth, float)
    why = (
        "the model gave no reconstruction"
        if one["cloud"] is None
        else "the run's file is not there (any more)"
    )
    _add_prediction(view, cloud, one["cam_from_world"], paths, true, why)
    return view
