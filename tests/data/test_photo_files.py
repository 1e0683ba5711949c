"""Which files of a folder are photos, and that none is dropped without a word."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.core.errors import UserError
from hw4.data import photo_files as files
from hw4.data.pairs.frames import interpolated_frames
from hw4.data.photos import find_images, load_image, open_upright, why_no_photo
from hw4.data.scenes.scene import load_scene
from tests.support.colmap_scenes import write_scene


def _photos(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", (8, 8)).save(folder / name, "PNG")
    return folder


def test_hidden_files_are_no_photos(tmp_path):
    folder = _photos(tmp_path, "a.jpg", "._a.jpg", ".b.png")
    found = files.photo_files(folder)
    assert [path.name for path in found.paths] == ["a.jpg"] and not found.notes


@pytest.mark.parametrize("name", ["a_mask.png", "a.jpg.mask.png", "a-depth.tif", "a.alpha.png"])
def test_masks_and_depth_maps_beside_their_photo_are_left_out(tmp_path, name):
    found = files.photo_files(_photos(tmp_path, "a.jpg", "b.jpg", name, "c_mask.jpg"))
    # A photo of a mask that belongs to no other photo is a photo.
    assert [path.name for path in found.paths] == ["a.jpg", "b.jpg", "c_mask.jpg"]
    assert found.notes == [
        f"1 file of {tmp_path} left out as masks or depth maps of the photos beside them: {name}"
    ]


def test_pictures_that_are_not_read_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "reads_heif", lambda: False)
    folder = _photos(tmp_path, "a.jpg", "b.HEIC", "c.heic", "d.DNG", "notes.txt")
    found = files.photo_files(folder)
    assert [path.name for path in found.paths] == ["a.jpg"]
    assert found.notes == [
        f"1 file of kind .dng in {folder} not read: convert them",
        f"2 files of kind .heic in {folder} not read: pip install 'hw4[heif]', or convert them",
    ]


def test_a_name_that_is_no_utf8_is_named(tmp_path):
    _photos(tmp_path, "a.jpg", "Stra\udcdfe.jpg")
    found = files.photo_files(tmp_path)
    assert [path.name for path in found.paths] == ["a.jpg"]
    assert found.notes == [
        f"1 file of {tmp_path} not read: the name is no UTF-8, 'Stra\\udcdfe.jpg'; rename it"
    ]


def test_a_photo_may_have_another_suffix_than_its_model_says(tmp_path):
    root = write_scene(tmp_path, np.random.default_rng(3).uniform(-0.8, 0.8, (20, 3)))
    for path in (root / "images").iterdir():
        path.rename(path.with_suffix(".jpg"))
    scene = load_scene(root)
    assert scene.train.names[0].endswith(".jpg") and len(scene.train.images)
    assert sum("under another suffix" in note for note in scene.notes) == 2


@pytest.mark.parametrize("name", ["{:04}.png", "frame_{}.jpg", "x_frame{:03}.png"])
def test_frames_may_be_called_by_their_number_alone(tmp_path, name):
    folder = tmp_path / "0" / "video"
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / name.format(number)).touch()
    frames = [path.name for path in interpolated_frames(tmp_path, 0, "video")]
    assert frames == [name.format(1), name.format(2)]


def test_heic_is_read_where_its_package_is(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    pixels = np.full((64, 64, 3), 200, np.uint8)
    heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "a.HEIC", quality=100)
    assert find_images(tmp_path) == [tmp_path / "a.HEIC"]
    assert abs(load_image(tmp_path / "a.HEIC").astype(int) - 200).max() < 6


def test_heic_without_its_package_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(UserError, match=r"a.heic is HEIC: pip install 'hw4\[heif\]'"):
        open_upright(tmp_path / "a.heic")


def test_a_scene_says_what_it_leaves_out(tmp_path):
    root = write_scene(tmp_path / "colmap", np.random.default_rng(3).uniform(-0.8, 0.8, (20, 3)))
    assert not any("no camera" in note for note in load_scene(root).notes)
    _photos(root / "images", "extra.png")
    assert any("not used: 1, extra.png" in note for note in load_scene(root).notes)
    bare = _photos(tmp_path / "bare", *(f"{n}.jpg" for n in range(4)), "x.gif")
    (bare / "transforms.json").write_text("{}")
    notes = load_scene(bare).notes
    assert any("of kind .gif" in note for note in notes)
    assert any("transforms.json are not read" in note for note in notes)


def test_photos_in_folders_below_are_counted_and_said(tmp_path):
    _photos(tmp_path / "a", "0.png")
    for place in ("left/0.jpg", "left/1.jpg", "right/day 2/0.png", ".thumbnails/0.png", "left/note.txt"):
        (tmp_path / "a" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / place).touch()
    said = (
        f"3 photos in folders below {tmp_path / 'a'} not read: left (2), right/day 2 (1); name the folder "
        "that is meant with data.images=..."
    )
    assert files.nested_note(tmp_path / "a", "data.images=...") == [said]
    assert files.nested_note(tmp_path / "a" / "left", "x") == []
    # Nothing is found: the same, as the reason.
    (tmp_path / "a" / "0.png").unlink()
    for layout in ("auto", "photos"):
        with pytest.raises(
            UserError, match=r"no photos .*; 3 photos in folders below .*left \(2\), right/day 2 \(1\)"
        ):
            load_scene(tmp_path / "a", layout)


def test_a_scene_of_photos_says_what_lies_below(tmp_path):
    for place in ("0.png", "1.png", "2.png", "spare/3.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 16)).save(tmp_path / place)
    scene = load_scene(tmp_path)
    assert len(scene.train.names) == 2 and any("1 photo in folders below" in note for note in scene.notes)
    (tmp_path / "b\udcfe.png").touch()
    with pytest.raises(UserError, match=r"no photos .*1 file of .* not read: the name is no UTF-8"):
        for place in ("0.png", "1.png", "2.png", "spare/3.png"):
            (tmp_path / place).unlink()
        load_scene(tmp_path)


def test_photos_below_without_a_camera_are_said(tmp_path):
    root = write_scene(tmp_path, np.random.default_rng(3).uniform(-0.8, 0.8, (20, 3)))
    (root / "images" / "more").mkdir()
    (root / "images" / "more" / "a.png").touch()
    assert any("not used: 1, more/a.png first" in note for note in load_scene(root).notes)


@pytest.mark.parametrize(
    ("there", "listed", "said"),
    [
        ("a.JPG", "a.png", r"a\.png does not exist; a\.JPG lies there\.$"),
        ("sub/a.png", "sub\\a.png", r"does not exist; with / for . it does\.$"),
        ("b.png", "a.png", r"a\.png does not exist\.$"),
        ("b.png", "none/a.png", r"none/a\.png does not exist\.$"),
    ],
)
def test_a_missing_photo_is_named_with_what_lies_there(tmp_path, there, listed, said):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    with pytest.raises(UserError, match=said):
        open_upright(tmp_path / listed)
    assert re.search(said, f"{why_no_photo(tmp_path / listed)}.")
