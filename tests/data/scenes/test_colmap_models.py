"""Which COLMAP model of a scene is read: the largest of several, or the one that is named."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import SceneConfig
from hw4.core.colmap import pycolmap
from hw4.core.errors import ConfigError, UserError
from hw4.data.registry import check, files_read, scene_photos
from hw4.data.scenes.colmap_models import find_model, n_images
from hw4.data.scenes.layouts import check_config, locate_config
from hw4.data.scenes.scene import scene_of
from tests.support.colmap_scenes import N_VIEWS, write_scene


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A scene with a model of N_VIEWS images in ``sparse/0``."""
    return write_scene(tmp_path / "scene", np.random.default_rng(3).uniform(-0.8, 0.8, (12, 3)))


def smaller(model: Path, n: int, target: Path) -> None:
    """A copy of a model with its first n images and without tracks."""
    shutil.copytree(model, target)
    rows = (model / "images.txt").read_text().split("\n")
    heads = [line for line in rows[0::2] if line]
    (target / "images.txt").write_text("".join(f"{line}\n\n" for line in heads[:n]))
    (target / "points3D.txt").write_text("")


@pytest.mark.parametrize("binary", [False, True])
def test_the_largest_of_several_models_is_used_and_said(root: Path, binary: bool) -> None:
    sparse = root / "sparse"
    (sparse / "0").rename(sparse / "10")
    smaller(sparse / "10", 3, sparse / "0")
    smaller(sparse / "10", 4, sparse / "2")
    if binary:
        for path in sparse.iterdir():
            pycolmap.Reconstruction(str(path)).write_binary(str(path))
            for file in path.glob("*.txt"):
                file.unlink()
    scene = scene_of(SceneConfig(root=str(root), test_every=3))
    assert len(scene.train.names) + len(scene.test.names) == N_VIEWS
    said = (
        f"holds 3 models, each in a world of its own: 10 is the largest ({N_VIEWS} images) and is used, not"
    )
    assert [note for note in scene.notes if said in note and note.endswith("not 0 (3), 2 (4)")]


def test_one_model_is_used_whatever_its_number(root: Path) -> None:
    (root / "sparse" / "0").rename(root / "sparse" / "1")
    (root / "sparse" / "notes").mkdir()
    found = find_model(root)
    assert found is not None and found.folder == root / "sparse" / "1" and not found.notes
    assert n_images(found.folder) == N_VIEWS


def test_a_broken_first_model_is_refused_although_there_is_another(root: Path) -> None:
    shutil.copytree(root / "sparse" / "0", root / "sparse" / "1")
    (root / "sparse" / "0" / "cameras.txt").unlink()
    with pytest.raises(UserError, match=r"no sparse/0 with a whole COLMAP model .*cameras\.txt"):
        scene_of(SceneConfig(root=str(root)))


@pytest.mark.parametrize(
    ("model", "named"),
    [("colmap/sparse/0", "colmap/sparse/0"), ("colmap/sparse/0", "colmap"), ("rec/1", "rec"), ("rec", "rec")],
)
def test_a_model_and_photos_that_lie_elsewhere(root: Path, tmp_path: Path, model: str, named: str) -> None:
    expected = scene_of(SceneConfig(root=str(root), test_every=3))
    base, photos = tmp_path / "elsewhere", tmp_path / "photos"
    (base / model).parent.mkdir(parents=True)
    (root / "sparse" / "0").rename(base / model)
    (root / "images").rename(photos)
    config = SceneConfig(root=str(base), colmap=named, images="../photos", test_every=3)
    scene = scene_of(config)
    assert scene.layout == "colmap" and scene.train.names == expected.train.names
    assert expected.train.cam_from_world is not None and scene.train.cam_from_world is not None
    np.testing.assert_array_equal(scene.train.cam_from_world, expected.train.cam_from_world)
    assert scene_photos(config) == base / "../photos" and scene.train.paths[0].parent == base / "../photos"
    absolute = SceneConfig(root=str(base), colmap=str(base / model), images=str(photos), test_every=3)
    assert scene_of(absolute).train.names == expected.train.names
    # What a run read is told by its content, wherever it lies.
    assert {path.name for path in files_read(config)[1:]} >= {"cameras.txt", "images.txt", "000.png"}


def test_photos_alone_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "scene" / "raw" / "day1").mkdir(parents=True)
    for n in range(4):
        Image.new("RGB", (20, 16)).save(tmp_path / f"scene/raw/day1/{n}.png")
    config = SceneConfig(root=str(tmp_path / "scene"), images="raw/day1", test_every=2)
    files = locate_config(config)
    assert files.layout == "photos" and files.train.names == ["1.png", "3.png"]


def test_folders_that_are_not_there_are_one_sentence(root: Path) -> None:
    with pytest.raises(
        UserError, match=r"data\.colmap=none: .*scene/none holds no COLMAP model \(cameras\.txt"
    ):
        scene_of(SceneConfig(root=str(root), colmap="none"))
    with pytest.raises(UserError, match=r"data\.images=none: .*scene/none is not a folder"):
        scene_of(SceneConfig(root=str(root), images="none"))
    with pytest.raises(ConfigError, match=r"data\.colmap=a names a COLMAP model and data\.layout=photos"):
        check_config(SceneConfig(root=str(root), colmap="a", layout="photos"))
    check(SceneConfig(root=str(root), colmap="a"))
