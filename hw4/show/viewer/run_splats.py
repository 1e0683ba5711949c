"""What a splat run left to look at: the splats, the scene's cameras, and the cameras after training."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from hw4.core.errors import UserError
from hw4.data.scenes.scene import Scene, scene_of
from hw4.metrics import splat_headline
from hw4.records.found import found_file
from hw4.records.run import Run
from hw4.show.viewer.subject import ShownCamera, Subject, View3D
from hw4.splat.camera_file import TEST, TRAIN, read_cameras
from hw4.splat.result import SplatResult

ROLE_COLORS = {TRAIN: (31, 119, 180), TEST: (255, 127, 14)}


def splat_subjects(run: Run) -> Iterator[Subject]:
    """The trained splats of a run, if it has any."""
    if run.splat is not None:
        row = splat_headline()
        value = run.value(row)
        outcome = "" if value is None else f"{row.scale.text(value)} {row.unit}"
        score = "No score on test views" if value is None else f"{row.label} {outcome} on test views"
        yield Subject("splats", partial(_splat_view, run, run.splat, score), outcome)


def _splat_view(run: Run, result: SplatResult, score: str) -> View3D:
    view = View3D(words=[f"{score}; {result.n_gaussians} Gaussians, {result.iterations} iterations."])
    view.splats = run.file(str(result.files.get("ply", "")))
    if view.splats is None:
        view.words.append("The splats are missing: the run's gaussians.ply is not there (any more).")
    view.cameras, words = _trained_cameras(run, result)
    view.words += words
    try:
        assert run.typed is not None
        scene = scene_of(run.typed.data)
    except (UserError, AssertionError) as error:
        view.words.append(f"The scene's photos and cameras are missing: {error or 'no configuration'}")
        return view
    if scene.train.cam_from_world is None:
        view.words.append("The scene has no cameras of its own: those shown are the model's.")
        return view
    view.any_scale = False
    view.truth = [
        replace(camera, strip=_strip(run, result, camera.name.removeprefix(f"{TEST} ")))
        for camera in _scene_cameras(scene)
    ]
    view.words.append("Frames without a photo, and those of the test views: the scene's own cameras.")
    if scene.train.points is not None and len(scene.train.points):
        view.points = scene.train.points
        gray = np.full((len(view.points), 3), 128, np.uint8)
        view.colors = gray if scene.train.colors is None else scene.train.colors
        view.words.append("The points are the scene's own; they are hidden behind a tick box.")
    return view


def _strip(run: Run, result: SplatResult, name: str) -> Path | None:
    """The picture of a test view beside its render, where the run has it."""
    recorded = result.view_file(name, "strips")
    return None if recorded is None else run.file(recorded)


def _trained_cameras(run: Run, result: SplatResult) -> tuple[list[ShownCamera], list[str]]:
    """Cameras as training left them, and what is to be said of them."""
    said = ["Blue: training cameras; orange: test cameras."]
    file = run.file(str(result.files.get("cameras", "")))
    if file is None:
        return [], [*said, "The cameras after training are missing: the run left no cameras.json."]
    try:
        saved = read_cameras(file)
    except ValueError:
        return [], [*said, f"The cameras after training are missing: {file} cannot be read."]
    cameras = [
        ShownCamera(
            f"{c.role} {c.name}",
            c.cam_from_world,
            c.K,
            c.size,
            found_file(c.photo, run),
            ROLE_COLORS[c.role],
            _strip(run, result, c.name) if c.role == TEST else None,
        )
        for c in saved
    ]
    return cameras, [*said, "Those with a photo are as training left them."]


def _scene_cameras(scene: Scene) -> Iterator[ShownCamera]:
    train, test = scene.train, scene.test
    if train.cam_from_world is not None and train.Ks is not None:
        for i, name in enumerate(train.names):
            height, width = train.images[i].shape[:2]
            camera, size, color = train.cam_from_world[i][:3], (width, height), ROLE_COLORS[TRAIN]
            yield ShownCamera(f"train {name}", camera, train.Ks[i], size, train.paths[i], color)
    if test.cam_from_world is not None and test.Ks is not None and test.sizes is not None:
        for i, name in enumerate(test.names):
            size = (int(test.sizes[i][0]), int(test.sizes[i][1]))
            camera, color = test.cam_from_world[i][:3], ROLE_COLORS[TEST]
            yield ShownCamera(f"test {name}", camera, test.Ks[i], size, test.paths[i], color)
