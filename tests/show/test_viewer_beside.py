"""Two runs side by side in the viewer: the same sample of both, and what is said where one has none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import PairsConfig
from hw4.core.errors import UserError
from hw4.show.viewer.run_folder import find_beside, find_subjects
from hw4.show.viewer.serve import LEFT, RIGHT, Viewer
from hw4.show.viewer.server import plain
from hw4.show.viewer.subject import ShownCamera, Subject, View3D
from tests.support.report_folders import POSE, write_pose_job, write_splat_job

K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


@contextmanager
def opened(subjects: list[Subject], beside: str | None = None) -> Iterator[Viewer]:
    viewer = Viewer(subjects, "127.0.0.1", 8300, beside)
    try:
        yield viewer
    finally:
        viewer.stop()


def cloud(size: float, words: str, **options: object) -> View3D:
    """A box of points around the optical axis of two cameras."""
    points = size * np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 4), (300, 3))
    shifts = ([0, 0, 0], [-size, 0, 0])
    cameras = [
        ShownCamera(f"view {i}", np.column_stack([np.eye(3), t]), K, (64, 48), None)
        for i, t in enumerate(shifts)
    ]
    return View3D(
        points, np.zeros((300, 3), np.uint8), cameras=cameras, words=[words, "Both say this."], **options
    )  # type: ignore[arg-type]


def test_the_same_sample_of_two_runs_stands_side_by_side_with_both_errors() -> None:
    small, large = cloud(1, "Wrong by 2°."), cloud(50, "Wrong by 90°.")
    subjects = [
        Subject("idx 0", lambda: small, "2.0°", 2.0, "a", ("0.png", "1.png")),
        Subject("idx 1", lambda: small, "1.0°", 1.0, "a", ("2.png", "3.png")),
        Subject("idx 0", lambda: large, "90.0°", 90.0, "b", ("0.png", "1.png")),
        # Of other photos.
        Subject("idx 1", lambda: large, "9.0°", 9.0, "b", ("other.png", "3.png")),
    ]
    with opened(subjects, beside="b") as viewer:
        left, right = viewer.drawn[LEFT], viewer.drawn[RIGHT]
        assert left.bounds()[1, 0] < right.bounds()[0, 0], "they do not touch"
        np.testing.assert_allclose(np.diff(left.bounds(), axis=0), np.diff(right.bounds(), axis=0), rtol=1e-6)
        said = viewer.words.content.replace("\\", "")
        assert said.startswith("**a** (left): Wrong by 2°.\n\n**b** (right): Wrong by 90°.\n\nBoth say this.")
        assert said.count("Both say this.") == 1 and "equally large" in said
        viewer.choice.value = "idx 1 (1.0°)"
        assert set(viewer.drawn) == {LEFT}
        assert viewer.words.content.replace("\\", "").startswith("b has no idx 1 of these photos.")
        # The other run keeps the sample in sight, and cannot stand beside itself.
        viewer.choice.value = "idx 0 (2.0°)"
        viewer.run.value = "b"
        assert viewer.choice.value == "idx 0 (90.0°)" and viewer.beside.value == "no other run"
        assert "b" not in viewer.beside.options


def test_what_has_a_scale_keeps_it() -> None:
    views = {"a": cloud(1, "", any_scale=False), "b": cloud(3, "", any_scale=False)}
    subjects = [Subject("splats", lambda view=view: view, group=run) for run, view in views.items()]
    with opened(subjects, beside="b") as viewer:
        widths = [np.diff(drawing.bounds(), axis=0)[0] for drawing in viewer.drawn.values()]
        np.testing.assert_allclose(widths[1], 3 * widths[0], rtol=1e-6)


def test_who_looks_through_a_camera_sees_the_pictures_of_both_runs(tmp_path: Path) -> None:
    subjects = []
    for run, color in (("a", (255, 0, 0)), ("b", (0, 0, 255))):
        strip = tmp_path / f"{run}.png"
        Image.new("RGB", (96, 24), color).save(strip)
        camera = ShownCamera("test 1.png", np.eye(4)[:3], K, (64, 48), None, strip=strip)
        subjects.append(Subject("splats", lambda camera=camera: View3D(cameras=[camera]), group=run))
    with opened(subjects, beside="b") as viewer:
        assert not any(picture.visible for picture in viewer.pictures.values())
        viewer.through.value = "test 1.png"
        left, right = viewer.pictures[LEFT], viewer.pictures[RIGHT]
        assert left.visible and right.visible and left.label == "left: photo, render, difference"
        assert tuple(left.image[0, 0]) == (255, 0, 0) and tuple(right.image[0, 0]) == (0, 0, 255)
        viewer.through.value = "no camera"
        assert not left.visible and not right.visible


def test_two_folders_are_named_by_what_tells_their_runs_apart(tmp_path: Path) -> None:
    longer = replace(POSE, metrics=replace(POSE.metrics, mode="both"))
    first = write_pose_job(tmp_path / "first", POSE, [4.0, 5.0])
    second = write_pose_job(tmp_path / "second", longer, [6.0])
    subjects, beside = find_beside(first, second)
    assert [s.entry for s in subjects] == ["idx 0 (4.0°)", "idx 1 (5.0°)", "idx 0 (6.0°)"]
    assert subjects[0].is_of_same(subjects[2]) and not subjects[1].is_of_same(subjects[2])
    assert beside == subjects[2].group != subjects[0].group
    twin = write_pose_job(tmp_path / "twins" / "first", POSE, [4.0])
    subjects, beside = find_beside(first, twin)
    assert {s.group for s in subjects} == {f"sfm, pair (first), {folder}" for folder in (first, twin)}
    assert str(twin) in beside
    assert [s.group for s in find_subjects(first)] == ["", ""]
    with pytest.raises(UserError, match=r"view\.beside=.* is view\.run itself: give another run's folder"):
        find_beside(first, tmp_path / "twins" / ".." / "first")
    write_splat_job(tmp_path / "empty", replace(POSE, task="splat", data=PairsConfig(root="/gone")), 20.0)
    (tmp_path / "empty" / "results.json").unlink()
    with pytest.raises(UserError, match=r"empty holds nothing to look at .*; view\.beside takes the folder"):
        find_beside(first, tmp_path / "empty")


def test_marks_mean_themselves() -> None:
    assert plain("a *b*\n<i>_1.png") == r"a \*b\* \<i\>\_1\.png"
