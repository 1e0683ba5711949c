"""One table of layouts, one resolver: what is trained on, rendered, shown and tested is the same scene."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw4.config import SampleConfig, SceneConfig
from hw4.core.errors import ConfigError, UserError
from hw4.data.registry import scene_files, scene_photos
from hw4.data.sample import ensure_sample
from hw4.data.scenes import layouts as table
from hw4.data.scenes.cameras import held_out_cameras
from hw4.data.scenes.files import Layout, PosedViews, SceneFiles, Split, part_of
from hw4.data.scenes.layouts import layout_of, layouts, locate
from hw4.data.scenes.scene import has_points, load_scene, scene_of


@pytest.fixture(scope="module")
def sample_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    return ensure_sample(SampleConfig(root=str(root), pairs=1, frames=3, width=48, height=36)) / "scene"


@pytest.fixture
def sparse(sample_scene: Path, tmp_path: Path) -> Path:
    """InstantSplat's layout: three views to train on, four to test."""
    return Path(shutil.copytree(sample_scene, tmp_path / "scene"))


@pytest.fixture
def both(sparse: Path) -> Path:
    """The same with the model of all seven views that it was made of."""
    whole = sparse / "sparse" / "0"
    whole.mkdir(parents=True)
    sides = [sparse / "sparse_3" / side for side in ("0", "1")]
    shutil.copy(sides[0] / "cameras.txt", whole / "cameras.txt")
    rows = [line for side in sides for line in (side / "images.txt").read_text().splitlines()[1:] if line]
    text = "".join(f"{number} {row.split(maxsplit=1)[1]}\n\n" for number, row in enumerate(rows, 1))
    (whole / "images.txt").write_text(text)
    return sparse


@pytest.fixture
def colmap(both: Path) -> Path:
    """A plain COLMAP scene."""
    shutil.rmtree(both / "sparse_3")
    return both


def test_a_missing_sparse_3_is_refused_by_training_and_rendering(colmap: Path) -> None:
    config = SceneConfig(root=str(colmap), layout="sparse_3")
    for stage in (scene_of, held_out_cameras, has_points):
        with pytest.raises(UserError, match=r"no sparse_<n>/0 .*data\.layout=sparse_3"):
            stage(config)


@pytest.mark.parametrize("lost", ["sparse_3/0/cameras.txt", "sparse_3/0", "sparse_3/1/cameras.txt"])
def test_a_split_without_its_cameras_is_refused_and_not_read_as_photos(sparse: Path, lost: str) -> None:
    path = sparse / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    side = "0" if "/0" in lost else "1"
    with pytest.raises(UserError, match=rf"sparse_3/{side} .*cameras\.txt or cameras\.bin"):
        scene_of(SceneConfig(root=str(sparse)))
    assert load_scene(sparse, layout="photos", test_every=3).layout == "photos"


def test_a_model_without_its_cameras_is_refused_and_not_read_as_photos(colmap: Path) -> None:
    (colmap / "sparse" / "0" / "cameras.txt").unlink()
    with pytest.raises(UserError, match=r"no sparse/0 with a whole COLMAP model .*cameras\.txt"):
        scene_of(SceneConfig(root=str(colmap)))


def test_a_photo_listed_twice_is_refused(colmap: Path) -> None:
    images = colmap / "sparse" / "0" / "images.txt"
    rows = [line for line in images.read_text().splitlines() if line]
    row = rows[2].replace("3 ", "99 ", 1).replace("002.png", "again.png")
    images.write_text("\n\n".join([*rows, row]) + "\n\n")
    (colmap / "images" / "again.png").symlink_to(colmap / "images" / "002.png")
    with pytest.raises(UserError, match=r"the photo .*again\.png twice for training"):
        locate(colmap)
    with pytest.raises(UserError, match=r"the photo .*002\.png both for training and for testing"):
        locate(colmap, "photos", Split(2))


@pytest.mark.parametrize("layout", ["photos", "colmap"])
def test_more_training_views_than_there_are_is_refused(colmap: Path, layout: str) -> None:
    assert len(locate(colmap, layout, Split(3, 4)).train.names) == 4
    with pytest.raises(UserError, match=r"data\.train_views=99 cannot be met: 7 images .* leave 4"):
        locate(colmap, layout, Split(3, 99))


def test_bare_photos_have_no_cameras_to_render(colmap: Path) -> None:
    config = SceneConfig(root=str(colmap), layout="photos")
    assert scene_of(config).test.cam_from_world is None
    with pytest.raises(UserError, match=r"no test cameras to render .data\.layout=photos"):
        held_out_cameras(config)


@pytest.mark.parametrize("layout", ["auto", "sparse_3", "colmap"])
def test_the_cameras_rendered_are_those_of_the_test_views(both: Path, layout: str) -> None:
    config = SceneConfig(root=str(both), layout=layout, test_every=3, resolution=24)
    if layout != "colmap":
        config = replace(config, train_views=3)
    test, cameras = scene_of(config).test, held_out_cameras(config)
    assert cameras.names == test.names and len(test) == (3 if layout == "colmap" else 4)
    np.testing.assert_array_equal(cameras.cam_from_world, test.cam_from_world)
    assert cameras.sizes.tolist() == [[24, 18]] * len(test)
    np.testing.assert_allclose(cameras.Ks, [test.load(view)[1] for view in range(len(test))])


def test_cameras_are_rendered_without_photos(sparse: Path) -> None:
    before = held_out_cameras(SceneConfig(root=str(sparse)))
    shutil.rmtree(sparse / "images")
    assert held_out_cameras(SceneConfig(root=str(sparse))).names == before.names


def test_the_split_stands_before_the_whole_model_and_that_before_photos(both: Path) -> None:
    assert layout_of(both).name == "sparse_3"
    shutil.rmtree(both / "sparse_3")
    assert layout_of(both).name == "colmap"
    shutil.rmtree(both / "sparse")
    assert layout_of(both).name == "photos"
    shutil.rmtree(both / "images")
    with pytest.raises(UserError, match=r"no sparse_<n>/0, no sparse/0 and no photos \(or images/\)\.$"):
        layout_of(both)


def test_the_demo_shows_the_photos_of_the_scene(both: Path, tmp_path: Path) -> None:
    assert scene_photos(SceneConfig(root=str(both))) == both / "images"
    assert scene_photos(SceneConfig(root=str(both / "images"))) == both / "images"
    with pytest.raises(UserError, match="is not a folder"):
        scene_photos(SceneConfig(root=str(tmp_path / "none")))


def test_each_part_lists_the_files_that_it_reads(both: Path) -> None:
    files = locate(both, "sparse_3")
    names = {path.relative_to(both).as_posix() for path in files.train.files}
    images = {f"images/{number:03}.png" for number in range(3)}
    parts = ("cameras.txt", "images.txt", "points3D.ply", "confidence_dsp.npy")
    assert names == images | {f"sparse_3/0/{part}" for part in parts}
    assert all(path.is_file() for path in [*files.train.files, *files.test.files])
    assert not set(files.train.files) & set(files.test.files)


# A layout of another package: cameras in one JSON file, as NeRF's data has them.


def _locate_json(root: Path, split: Split) -> SceneFiles:
    file = root / "cameras.json"
    said = json.loads(file.read_text())
    views = PosedViews(
        said["names"],
        np.array(said["cam_from_world"]),
        np.array(said["Ks"]),
        np.array(said["sizes"]),
        np.zeros((2, 3)),
        np.zeros((2, 3), np.uint8),
    )
    train, test = (part_of(root / "images", views, ids, (file,)) for ids in split.sides(len(views.names)))
    return SceneFiles(root, "toy", train, test)


TOY = Layout(
    "toy", "cameras.json", lambda root: (root / "cameras.json").is_file(), _locate_json, before=("photos",)
)


@pytest.fixture
def toy(both: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scene with a foreign layout's file beside the others."""
    files = locate(both, "colmap", Split(3))
    views = files.train.views
    assert views is not None
    said = {key: getattr(views, key).tolist() for key in ("cam_from_world", "Ks", "sizes")}
    (both / "cameras.json").write_text(json.dumps({"names": views.names, **said}))
    monkeypatch.setattr(
        "hw4.core.plugins.plugins", lambda group: {"toy": TOY} if group == "hw4.layouts" else {}
    )
    layouts.cache_clear()
    yield both  # type: ignore[misc]
    layouts.cache_clear()


def test_a_foreign_layout_is_one_row(toy: Path) -> None:
    with pytest.raises(UserError, match=r"<n>/0 \(sparse_3\) and cameras.json \(toy\): say which"):
        layout_of(toy)
    config = SceneConfig(root=str(toy), layout="toy", test_every=3)
    scene, own = scene_of(config), load_scene(toy, "colmap", test_every=3)
    assert scene.layout == "toy" and scene.train.names == own.train.names and has_points(config)
    assert held_out_cameras(config).names == own.test.names
    for folder in ("sparse", "sparse_3"):
        shutil.rmtree(toy / folder)
    assert layout_of(toy).name == "toy", "before bare photos"
    assert toy / "cameras.json" in scene_files(config).train.files


def test_a_typo_is_told_the_nearest_layout(toy: Path) -> None:
    with pytest.raises(ConfigError, match=r"auto, sparse_3, colmap, photos, toy\. Did you mean 'toy'"):
        locate(toy, "toyy")


@pytest.mark.parametrize(
    ("row", "words"),
    [(3, "must be a .*Layout"), (table.OWN[1], "both the same name"), (None, "name of another layout")],
)
def test_a_foreign_row_that_cannot_be_used_is_one_sentence(
    row: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"colmap": table.OWN[1]} if row is None else {"toy": row}
    monkeypatch.setattr("hw4.core.plugins.plugins", lambda group: rows)
    layouts.cache_clear()
    with pytest.raises(UserError, match=words):
        layouts()
    layouts.cache_clear()
