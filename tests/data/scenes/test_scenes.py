"""Scenes for splatting: layouts read alike, training walled off from the test images."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from hw4.config import EvalConfig, InitConfig, SampleConfig, SceneConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.sample import ensure_sample
from hw4.data.scenes.colmap import read_colmap
from hw4.data.scenes.files import split_indices
from hw4.data.scenes.scene import load_scene
from hw4.splat import stage
from hw4.splat.start import from_scene
from hw4.splat.training.train import train

SMALL = SplatConfig(
    iterations=6,
    video_frames=0,
    init=InitConfig(max_points=150),
    eval=EvalConfig(lpips_download=False),
)


@pytest.fixture(scope="module")
def scene_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    return ensure_sample(SampleConfig(root=str(root), pairs=1, frames=3, width=48, height=36)) / "scene"


@pytest.fixture
def copy(scene_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene_root, tmp_path / "scene"))


class Opened:
    """Every file that Python opens while `on`; an audit hook cannot be taken off again."""

    def __init__(self) -> None:
        self.on, self.paths = False, set[str]()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on and event == "open" and isinstance(arguments[0], str | bytes | Path):
            self.paths.add(str(arguments[0]))


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    watch = Opened()
    yield watch
    watch.on = False


def test_nothing_opens_a_test_image_before_scoring(
    scene_root: Path, tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: set[str] = set()
    evaluate = stage.evaluate

    def scoring(*args: object, **kwargs: object) -> object:
        before.update(opened.paths)
        opened.paths.clear()
        return evaluate(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(stage, "evaluate", scoring)
    opened.on = True
    stage.run_splat(SMALL, SceneConfig(root=str(scene_root)), None, tmp_path)
    opened.on = False
    scene = load_scene(scene_root)
    train_images, test_images = {str(p) for p in scene.train.paths}, {str(p) for p in scene.test.paths}
    assert len(train_images) == 3 and len(test_images) == 4
    assert train_images <= before and not test_images & before
    assert test_images <= opened.paths, "the watch sees test images once they may be opened"


def test_training_is_the_same_without_the_test_images(scene_root: Path, copy: Path, tmp_path: Path) -> None:
    for path in load_scene(copy).test.paths:
        path.unlink()
    results = []
    for root in (scene_root, copy):
        scene = load_scene(root)
        results.append(train(scene.train, from_scene(scene.train, SMALL), SMALL, tmp_path / root.parent.name))
    for name, values in results[0].gaussians.items():
        assert np.array_equal(values.detach(), results[1].gaussians[name].detach()), name


def test_an_image_on_both_sides_is_refused(copy: Path) -> None:
    for name in ("cameras.txt", "images.txt"):
        shutil.copy(copy / "sparse_3" / "0" / name, copy / "sparse_3" / "1" / name)
    with pytest.raises(UserError, match="both for training"):
        load_scene(copy)


def assert_same_model(one, other) -> None:  # type: ignore[no-untyped-def]
    assert one.names == other.names
    for name in ("cam_from_world", "Ks", "sizes"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-12)


def test_text_and_binary_models_are_the_same(copy: Path, tmp_path: Path) -> None:
    folder = copy / "sparse_3" / "0"
    text = read_colmap(folder)
    (folder / "points3D.txt").write_text("1 0.5 -1 2 10 20 30 0.1\n2 1 1 3 40 50 60 0.1\n")
    binary = tmp_path / "binary"
    binary.mkdir()
    pycolmap.Reconstruction(str(folder)).write_binary(str(binary))
    assert {p.suffix for p in binary.iterdir()} == {".bin"}
    other = read_colmap(binary)
    assert_same_model(text, other)
    order = np.argsort(other.points[:, 0])
    np.testing.assert_array_equal(other.points[order], [[0.5, -1, 2], [1, 1, 3]])
    np.testing.assert_array_equal(other.colors[order], [[10, 20, 30], [40, 50, 60]])


def test_cameras_are_those_of_the_text_file(copy: Path) -> None:
    folder = copy / "sparse_3" / "0"
    rows = [line.split() for line in (folder / "images.txt").read_text().splitlines()[1:] if line]
    model = read_colmap(folder)
    from scipy.spatial.transform import Rotation

    for row in rows:
        qw, qx, qy, qz, *t = map(float, row[1:8])
        camera = model.cam_from_world[model.names.index(row[9])]
        rotation = Rotation.from_quat([qx, qy, qz, qw]).as_matrix()
        np.testing.assert_allclose(camera, np.block([[rotation, np.array(t)[:, None]], [0, 0, 0, 1]]))


def colmap_copy(copy: Path) -> Path:
    """The sample's seven views as one plain COLMAP model."""
    (copy / "sparse" / "0").mkdir(parents=True)
    parts = [copy / "sparse_3" / side for side in ("0", "1")]
    shutil.copy(parts[0] / "cameras.txt", copy / "sparse" / "0" / "cameras.txt")
    rows = [line for p in parts for line in (p / "images.txt").read_text().splitlines()[1:] if line]
    text = "".join(f"{number} {row.split(maxsplit=1)[1]}\n\n" for number, row in enumerate(rows, 1))
    (copy / "sparse" / "0" / "images.txt").write_text(text)
    (copy / "sparse" / "0" / "points3D.txt").write_text("1 0.5 -1 2 10 20 30 0.1\n")
    shutil.rmtree(copy / "sparse_3")
    return copy


def test_plain_colmap_holds_out_every_kth(copy: Path) -> None:
    scene = load_scene(colmap_copy(copy), test_every=3)
    assert scene.layout == "colmap"
    assert scene.test.names == ["000.png", "003.png", "006.png"]
    assert scene.train.names == ["001.png", "002.png", "004.png", "005.png"]
    assert "does not say which training photos saw its 1 points" in scene.notes[0]
    two = load_scene(copy, test_every=3, train_views=2)
    assert two.train.names == ["001.png", "005.png"], "spread from first to last"


def test_a_bare_folder_of_photos(scene_root: Path) -> None:
    scene = load_scene(scene_root / "images", test_every=4, resolution=24)
    assert scene.layout == "photos" and scene.train.cam_from_world is None
    assert scene.test.names == ["000.png", "004.png"] and len(scene.train.names) == 5
    assert {image.shape for image in scene.train.images} == {(18, 24, 3)}
    image, K = scene.test.load(0)
    assert image.shape == (18, 24, 3) and K is None


def test_intrinsics_follow_the_resolution(scene_root: Path) -> None:
    full, half = load_scene(scene_root), load_scene(scene_root, resolution=24)
    expected = np.diag([0.5, 0.5, 1]) @ full.train.Ks[0]
    np.testing.assert_allclose(half.train.Ks[0], expected)
    np.testing.assert_allclose(half.test.load(0)[1], np.diag([0.5, 0.5, 1]) @ full.test.load(0)[1])


@pytest.mark.parametrize(("n", "every", "views"), [(1, 2, None), (3, 2, None), (0, 8, None), (10, 8, 1)])
def test_too_few_images_to_train(n: int, every: int, views: int | None) -> None:
    with pytest.raises(UserError, match="for training"):
        split_indices(n, every, views)


def damage(text: str):  # type: ignore[no-untyped-def]
    def write(root: Path) -> None:
        (root / "sparse_3" / "0" / "images.txt").write_text(text)

    return write


def distort(root: Path) -> None:
    (root / "sparse_3" / "0" / "cameras.txt").write_text("1 OPENCV 48 36 40 40 24 18 0.1 0 0 0\n")


def wrong_confidence(root: Path) -> None:
    np.save(root / "sparse_3" / "0" / "confidence_dsp.npy", np.ones(3))


def pickled_confidence(root: Path) -> None:
    array = np.array([{"a": 1}], dtype=object)
    np.save(root / "sparse_3" / "0" / "confidence_dsp.npy", array, allow_pickle=True)


def empty_confidence(root: Path) -> None:
    (root / "sparse_3" / "0" / "confidence_dsp.npy").write_bytes(b"")


def archived_confidence(root: Path) -> None:
    with (root / "sparse_3" / "0" / "confidence_dsp.npy").open("wb") as file:
        np.savez(file, conf=np.ones(3))


def lose_image_list(root: Path) -> None:
    (root / "sparse_3" / "0" / "images.txt").unlink()


def break_photo(root: Path) -> None:
    load_scene(root).train.paths[0].write_bytes(b"no photo")


def lose_photo(root: Path) -> None:
    load_scene(root).train.paths[0].unlink()


def break_ply(root: Path) -> None:
    (root / "sparse_3" / "0" / "points3D.ply").write_bytes(b"ply\nnonsense\n")


def second_set(root: Path) -> None:
    shutil.copytree(root / "sparse_3", root / "sparse_6")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage("1 0 0 nonsense\n"), "cannot read the COLMAP model|no image with a camera"),
        (damage(""), "no image with a camera"),
        (distort, "lens distortion"),
        (wrong_confidence, "3 values for"),
        (pickled_confidence, "cannot read .*confidence_dsp.npy"),
        (empty_confidence, "cannot read .*confidence_dsp.npy"),
        (archived_confidence, "cannot read .*confidence_dsp.npy .it is an archive"),
        (lose_image_list, "the COLMAP model in .*scene/sparse_3/0 has no images.txt"),
        (break_photo, "cannot read image"),
        (lose_photo, "does not exist"),
        (break_ply, "cannot read the point cloud"),
        (second_set, r"several sets of views .*sparse_3, sparse_6.*data.train_views=3 or 6"),
        (lambda root: shutil.rmtree(root / "sparse_3" / "0"), "holds no scene|no sparse_"),
    ],
    ids=[
        "row",
        "empty",
        "lens",
        "conf",
        "pickle",
        "no conf",
        "npz",
        "list",
        "photo",
        "lost",
        "ply",
        "two sets",
        "no cameras",
    ],
)
def test_bad_scenes_are_one_sentence(copy: Path, harm, words: str) -> None:  # type: ignore[no-untyped-def]
    harm(copy)
    layout = "sparse_3" if not (copy / "sparse_3" / "0").is_dir() else "auto"
    with pytest.raises(UserError, match=words) as raised:
        load_scene(copy, layout)
    assert "\n" not in str(raised.value)


def test_of_several_sets_one_is_chosen(copy: Path) -> None:
    second_set(copy)
    images = copy / "sparse_6" / "0" / "images.txt"
    rows = [line for line in images.read_text().splitlines() if line and not line.startswith("#")]
    images.write_text(f"{rows[0]}\n\n{rows[2]}\n\n")
    (copy / "sparse_6").rename(copy / "sparse_2")
    scenes = {n: load_scene(copy, train_views=n) for n in (2, 3)}
    assert {n: len(scene.train.names) for n, scene in scenes.items()} == {2: 2, 3: 3}
    assert scenes[2].train.names == scenes[3].train.names[::2]


def test_folders_without_a_scene(tmp_path: Path) -> None:
    for root, words in ((tmp_path / "none", "is not a folder"), (tmp_path, "holds no scene")):
        with pytest.raises(UserError, match=words):
            load_scene(root)
    Image.new("RGB", (9, 9)).save(tmp_path / "one.png")
    with pytest.raises(UserError, match="for training"):
        load_scene(tmp_path)
