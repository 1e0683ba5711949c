"""Samples of posed views: numbered, listed, given back, and what is wrong with one of them."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hw4.config import ColmapConfig, Config, InputConfig
from hw4.config.stages import FRAMES
from hw4.core.errors import UserError
from hw4.data.samples import load_samples, load_scored
from hw4.data.stamps import inputs_stamp
from hw4.data.views.frames_list import frames_digest, read_frames, write_frames
from hw4.data.views.load import files_of, load_views
from hw4.models.sfm.config import SfmConfig
from hw4.records.configs import flatten
from hw4.report.statistics.confounds import factors
from tests.support.views import K, ring, write_colmap


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Two scenes, of 12 and of 4 views."""
    write_colmap(tmp_path / "data" / "a", ring(12))
    write_colmap(tmp_path / "data" / "b", ring(4))
    return tmp_path / "data"


def test_samples_have_the_truth_of_every_view(scenes: Path) -> None:
    found = load_views(ColmapConfig(root=str(scenes), views=4))
    assert [(s.idx, s.scene, len(s.names), s.problem) for s in found.samples] == [
        (0, "a", 4, None),
        (1, "b", 4, None),
    ]
    one = found.samples[0]
    assert one.cam_from_world is not None and one.Ks is not None
    places = [int(name[2:4]) for name in one.names]
    np.testing.assert_allclose(one.cam_from_world, ring(12)[places], atol=1e-12)
    np.testing.assert_allclose(one.Ks, np.tile(K, (4, 1, 1)))
    assert [path.name for path in one.image_paths] == list(one.names)
    blind = load_views(ColmapConfig(root=str(scenes), views=4), truth=False).samples[0]
    assert blind.names == one.names and blind.cam_from_world is None and blind.Ks is None


def test_scenes_and_samples_are_chosen(scenes: Path) -> None:
    config = ColmapConfig(root=str(scenes), views=3, sets=2)
    assert [s.idx for s in load_views(config).samples] == [0, 1, 2, 3]
    assert [s.idx for s in load_views(replace(config, sample=2)).samples] == [2]
    assert [s.idx for s in load_views(replace(config, limit=1)).samples] == [0]
    (b, _) = load_views(replace(config, scenes=["b"])).samples
    assert b.names == load_views(config).samples[2].names
    with pytest.raises(UserError, match=r"no scene 'bb'; did you mean 'b'"):
        load_views(replace(config, scenes=["bb"]))
    with pytest.raises(UserError, match=r"no sample 9; data.sample can be 0, 1, 2, 3"):
        load_views(replace(config, sample=9))


def test_a_scene_with_too_few_views_is_said(scenes: Path) -> None:
    found = load_views(ColmapConfig(root=str(scenes), views=5))
    assert [s.scene for s in found.samples] == ["a"]
    assert any("1 of 2 scenes give no sample" in note and "b has 4" in note for note in found.notes)
    with pytest.raises(UserError, match="no scene of .* gives a sample: too few views"):
        load_views(ColmapConfig(root=str(scenes), views=99))


def test_frames_are_given_back_exactly(scenes: Path, tmp_path: Path) -> None:
    config = ColmapConfig(root=str(scenes), views=3, sets=2, seed=5)
    found = load_views(config)
    path = tmp_path / FRAMES
    write_frames(path, found.frames, {"data": "colmap"})
    assert read_frames(path) == found.frames
    again = load_views(replace(config, views=10, seed=0, frames_list=str(path)))
    assert again.frames == found.frames and frames_digest(again.frames) == frames_digest(found.frames)
    assert frames_digest(found.frames) != frames_digest(load_views(replace(config, seed=6)).frames)
    only = load_views(replace(config, frames_list=str(path), sample=3))
    assert only.frames == found.frames[3:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["samples"][0]["frames"].reverse(), "was changed since it was written"),
        (lambda c: c["samples"][0].update(frames=["v_00.png"]) or c.pop("hash"), "two or more different"),
        (lambda c: c["samples"][0].update(scene="z") or c.pop("hash"), "has a scene 'z' that"),
        (lambda c: c["samples"][0].update(frames=["x", "y"]) or c.pop("hash"), "has no view 'x' with a pose"),
        (lambda c: c.pop("samples"), "is no list of frames"),
        (lambda c: c.update(samples=[{"idx": "1", "scene": "a", "frames": []}]), "is no list of frames"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_sentence(
    scenes: Path, tmp_path: Path, change: object, said: str
) -> None:
    config = ColmapConfig(root=str(scenes), views=3)
    path = tmp_path / FRAMES
    write_frames(path, load_views(config).frames, {})
    content = json.loads(path.read_text())
    change(content)  # type: ignore[operator]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=said):
        load_views(replace(config, frames_list=str(path)))


def test_a_missing_or_cropped_photo_is_the_problem_of_its_sample(scenes: Path) -> None:
    config = ColmapConfig(root=str(scenes), sampler="all")
    (scenes / "b/images/v_01.png").unlink()
    first, second = load_views(config).samples
    assert first.problem is None and "v_01.png does not exist" in str(second.problem)
    assert load_scored(config).samples[1].problem is None
    Image.new("RGB", (32, 32)).save(scenes / "a/images/v_02.png")
    assert "v_02.png is 32x32 but its camera 32x24" in str(load_views(config).samples[0].problem)


def test_intrinsics_follow_a_resized_photo(tmp_path: Path) -> None:
    write_colmap(tmp_path / "a", ring(3), size=(64, 48))
    (one,) = load_views(ColmapConfig(root=str(tmp_path / "a"), sampler="all")).samples
    assert one.Ks is not None
    np.testing.assert_allclose(one.Ks[0], np.diag([2, 2, 1]) @ K)


def test_what_a_run_reads_is_what_it_drew(scenes: Path) -> None:
    config = ColmapConfig(root=str(scenes), views=3, scenes=["a"])
    root, *files = files_of(config)
    names = load_views(config).samples[0].names
    assert root == scenes
    assert {os.fspath(path) for path in files} == {
        *(f"a/images/{name}" for name in names),
        *(f"a/sparse/0/{part}.txt" for part in ("cameras", "images", "points3D")),
    }
    assert files_of(replace(config, root=str(scenes / "none"))) == [scenes / "none"]


def test_frames_between_are_for_pairs(scenes: Path) -> None:
    with pytest.raises(UserError, match="input=interpolated is for pairs"):
        load_samples(ColmapConfig(root=str(scenes)), InputConfig("interpolated"))


def test_a_changed_photo_of_the_samples_changes_the_stamp(scenes: Path) -> None:
    config = Config(data=ColmapConfig(root=str(scenes), views=3, scenes=["a"]))
    names = load_views(config.data).samples[0].names  # type: ignore[arg-type]
    before = inputs_stamp(config)
    other = next(f"v_{i:02d}.png" for i in range(12) if f"v_{i:02d}.png" not in names)
    Image.new("RGB", (32, 24)).save(scenes / "a/images" / other)
    assert inputs_stamp(config) == before
    Image.new("RGB", (32, 24)).save(scenes / "a/images" / names[0])
    assert inputs_stamp(config) != before


def test_runs_of_other_frames_say_so(scenes: Path, tmp_path: Path) -> None:
    """Also where every key is the same: a list may have been changed under its name."""
    config = Config(data=ColmapConfig(root=str(scenes), frames_list="frames.json"), model=SfmConfig())
    flat = flatten(asdict(config))
    runs: list[Any] = [
        SimpleNamespace(typed=config, flat=flat, option=flat.get, results={"frames": {"hash": mark}})
        for mark in ("a", "b", "b")
    ]
    assert [str(factor) for factor in factors(runs[0], runs[1], "pose")] == ["frames.json (a → b)"]
    assert factors(runs[1], runs[2], "pose") == [] == factors(runs[0], runs[1], "splat")
