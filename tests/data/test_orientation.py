"""Whose pixels: the EXIF orientation of photos against the cameras that they come with."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import InputConfig, PairsConfig
from hw4.data.orientation import APPLY, IGNORE, read_size, read_with_cameras
from hw4.data.pairs.samples import load_pairs, load_photo_pairs
from hw4.data.photos import BACK, AsStored, load_image, open_upright, orientation_of, photo_digests
from hw4.data.scenes.scene import load_scene
from tests.support.colmap_scenes import write_scene
from tests.support.exif import tagged

STORED = (48, 32)


def _photo(path: Path, tag: int, size: tuple[int, int] = STORED) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1] // 8, size[0] // 8, 3), np.uint8)
    return tagged(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST), path, tag)


@pytest.mark.parametrize(
    ("tag", "camera", "size", "stored", "doubtful"),
    [
        (1, STORED, STORED, False, False),
        (6, STORED, STORED, True, False),
        (8, (24, 16), STORED, True, False),
        (6, (32, 48), STORED, False, False),
        # InstantSplat crops to multiples of 16.
        (5, (16, 32), STORED, False, False),
        (3, STORED, STORED, True, True),
        (6, (40, 40), (40, 40), True, True),
        (6, None, STORED, True, True),
    ],
)
def test_cameras_decide(tmp_path, tag, camera, size, stored, doubtful):
    path = _photo(tmp_path / "a.jpg", tag, size)
    read = read_with_cameras([path], [camera])
    assert isinstance(read.paths[0], AsStored) == stored
    assert read.doubtful == [path] * doubtful
    assert not read_with_cameras([path], [camera], APPLY).doubtful
    assert isinstance(read_with_cameras([path], [camera], IGNORE).paths[0], AsStored)


@pytest.mark.parametrize(
    ("suffix", "tag"), [(".png", 6), (".webp", 8), (".tif", 6), (".tif", 7), (".jpg", 5)]
)
def test_a_photo_is_read_as_its_path_says(tmp_path, suffix, tag):
    path = _photo(tmp_path / f"a{suffix}", tag)
    with Image.open(path) as image:
        assert orientation_of(image) == tag
    turned, stored = open_upright(path), open_upright(AsStored(path))
    assert (turned.size, stored.size) == (STORED[::-1], STORED)
    assert (read_size(path), read_size(AsStored(path))) == (STORED[::-1], STORED)
    back = np.array(turned.convert("RGB").transpose(BACK[tag]))
    np.testing.assert_array_equal(back, stored.convert("RGB"))
    # A cached prediction of the one is none of the other.
    assert photo_digests([path]) != photo_digests([AsStored(path)])


@pytest.mark.parametrize("tag", [3, 6])
def test_a_colmap_scene_is_of_its_stored_pixels(tmp_path, tag):
    root = write_scene(tmp_path, np.random.default_rng(3).uniform(-0.8, 0.8, (20, 3)))
    plain = load_scene(root)
    for path in (root / "images").iterdir():
        tagged(Image.open(path).convert("RGB"), path, tag)
    scene = load_scene(root)
    np.testing.assert_array_equal(scene.train.images, plain.train.images)
    np.testing.assert_array_equal(scene.test.load(0)[0], plain.test.load(0)[0])
    assert all(isinstance(path, AsStored) for path in scene.train.paths)
    said = [note for note in scene.notes if "EXIF" in note and str(scene.train.paths[0]) in note]
    assert len(said) == (tag == 3)


def test_photos_without_cameras_are_upright(tmp_path):
    for number in range(4):
        _photo(tmp_path / f"{number}.jpg", 6)
    scene = load_scene(tmp_path, exif="auto")
    assert scene.train.images[0].shape[1::-1] == STORED[::-1] == scene.test.load(0)[0].shape[1::-1]
    stored = load_scene(tmp_path, exif=IGNORE)
    assert stored.train.images[0].shape[1::-1] == STORED == stored.test.load(0)[0].shape[1::-1]


def _pairs(root: Path, tag: int, K: list[list[float]] | None) -> PairsConfig:
    for name in ("a.jpg", "b.jpg"):
        _photo(root / name, tag)
    camera = {"qx": 0, "qy": 0, "qz": 0, "qw": 1, **({"K": K} if K else {})}
    (root / "gt.json").write_text(json.dumps({"0": {"img1": camera, "img2": camera}}))
    (root / "pairs.txt").write_text("idx img1 img2\n0 a.jpg b.jpg\n")
    return PairsConfig(root=str(root))


@pytest.mark.parametrize(
    ("K", "size", "doubtful"),
    [
        ([[40, 0, 24], [0, 40, 16], [0, 0, 1]], STORED, 0),
        ([[40, 0, 16], [0, 40, 24], [0, 0, 1]], STORED[::-1], 0),
        (None, STORED, 2),
    ],
)
def test_pairs_are_read_as_their_intrinsics_say(tmp_path, K, size, doubtful):
    config = _pairs(tmp_path, 6, K)
    (sample,) = load_pairs(config, InputConfig())
    assert [load_image(path).shape[1::-1] for path in sample.image_paths] == [size] * 2
    assert len(sample.doubtful) == doubtful
    # Frames are made of the photos as the evaluation reads them.
    (pair,) = load_photo_pairs(config)
    assert [type(path) for path in pair.paths] == [type(path) for path in sample.image_paths]


@pytest.mark.parametrize(
    ("K", "says"),
    [
        ([[400, 0, 240], [0, 400, 160], [0, 0, 1]], "another image size"),
        ([[40, 0, 48], [0, 40, 16], [0, 0, 1]], "another image size"),
        ([[1, 0, 24], [0, 1, 16], [0, 0, 1]], "which no lens has"),
    ],
)
def test_intrinsics_of_another_photo_are_refused(tmp_path, K, says):
    (sample,) = load_pairs(_pairs(tmp_path, 1, K), InputConfig())
    assert sample.problem is not None and says in sample.problem
