"""COLMAP files that lie: cut, miscounted, written by hand, or by programs that round as they like."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement
from scipy.spatial.transform import Rotation

from hw4.core.errors import UserError
from hw4.data.scenes.colmap import read_colmap
from hw4.data.scenes.colmap_binary import RECORDS, check_binary
from hw4.data.scenes.files import PosedViews
from hw4.data.scenes.ply import read_ply_points

N_VIEWS, N_POINTS = 5, 7


def model_of(names: list[str] | None = None) -> pycolmap.Reconstruction:
    """Five cameras on a line that see seven points."""
    model = pycolmap.Reconstruction()
    camera = pycolmap.Camera(model="PINHOLE", width=64, height=48, params=[60, 61, 31, 23], camera_id=1)
    model.add_camera_with_trivial_rig(camera)
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (N_POINTS, 3)) + np.array([0, 0, 5])
    for number in range(1, N_VIEWS + 1):
        name = (names or [f"{n}.png" for n in range(1, N_VIEWS + 1)])[number - 1]
        rotation = Rotation.from_euler("y", number * 3, degrees=True)
        cam_from_world = pycolmap.Rigid3d(pycolmap.Rotation3d(rotation.as_quat()), [0.1 * number, 0, 0])
        image = pycolmap.Image(name=name, camera_id=1, image_id=number)
        image.points2D = [pycolmap.Point2D(xy) for xy in rng.uniform(1, 40, (N_POINTS, 2))]
        model.add_image_with_trivial_frame(image, cam_from_world)
    for place, xyz in enumerate(points):
        track = pycolmap.Track()
        for number in range(1, N_VIEWS + 1):
            track.add_element(number, place)
        model.add_point3D(xyz, track, np.array([place, 2, 3], np.uint8))
    return model


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    model_of().write_binary(folder)
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "txt"
    folder.mkdir()
    model_of().write_text(folder)
    # As programs write it that know no rigs; with frames.txt the cameras would be read from there.
    for name in ("rigs.txt", "frames.txt"):
        (folder / name).unlink()
    return folder


def edit_images(folder: Path, edit: Callable[[list[str]], list[str]]) -> Path:
    """Change the image lines of an ``images.txt`` (comments are dropped)."""
    path = folder / "images.txt"
    lines = [line for line in path.read_text().split("\n") if not line.startswith("#")]
    heads = edit(lines[0::2])
    path.write_text("\n".join(line for pair in zip(heads, lines[1::2], strict=False) for line in pair))
    return folder


def cameras_equal(read: PosedViews, expected: PosedViews, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(read.cam_from_world, expected.cam_from_world, atol=atol)
    np.testing.assert_array_equal(read.Ks, expected.Ks)


def test_whole_binary_files_pass_and_are_what_the_text_says(binary: Path, text: Path) -> None:
    for path in binary.iterdir():
        check_binary(path)
    cameras_equal(read_colmap(binary), read_colmap(text))
    assert not read_colmap(binary).notes


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_a_binary_file_cut_anywhere_is_one_sentence(binary: Path, name: str) -> None:
    whole = (binary / name).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        (binary / name).write_bytes(whole[:length])
        with pytest.raises(UserError, match=rf"{name} (has|ends after)") as raised:
            read_colmap(binary)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", sorted(RECORDS))
@pytest.mark.parametrize("count", [0, 2**40, 2**60, 2**64 - 1])
def test_a_count_that_is_not_that_of_the_records_is_one_sentence(binary: Path, name: str, count: int) -> None:
    path = binary / name
    path.write_bytes(struct.pack("<Q", count) + path.read_bytes()[8:])
    with pytest.raises(UserError, match=rf"{name} (ends after|goes on after)"):
        read_colmap(binary)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_end_in_a_model_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    model_of().write_binary(folder)
    path = folder / data.draw(st.sampled_from(["cameras.bin", "images.bin", "points3D.bin"]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        model = read_colmap(folder)
    except UserError as error:
        assert "\n" not in str(error)
        return
    rotations = model.cam_from_world[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (len(rotations), 1, 1)), atol=1e-5
    )


@pytest.mark.parametrize("head", ["", "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n", "\ufeff"])
@pytest.mark.parametrize(("end", "last"), [("\n", "\n"), ("\r\n", "\r\n"), ("\n", "")])
def test_images_without_lines_of_points_all_stay(text: Path, head: str, end: str, last: str) -> None:
    expected = read_colmap(text)
    path = text / "images.txt"
    lines = [line for line in path.read_text().split("\n") if not line.startswith("#")]
    path.write_bytes((head + end.join(lines[0::2]).removesuffix(end) + last).encode())
    read = read_colmap(text)
    assert read.names == expected.names and len(read.names) == N_VIEWS
    cameras_equal(read, expected)
    assert read.notes == ["images.txt has no lines of 2D points: read without them"]


@pytest.mark.parametrize(
    "name",
    ["DJI 0001 (2).jpg", "a, b.png", "sub folder/ä ö.png", "two  blanks.png", "Straße.png", "5 6 7.png"],
)
def test_names_are_read_whole(text: Path, name: str) -> None:
    expected = read_colmap(text)
    edit_images(text, lambda heads: [heads[0].rsplit(" ", 1)[0] + " " + name, *heads[1:]])
    read = read_colmap(text)
    assert sorted(read.names) == sorted([name, *expected.names[1:]])
    assert len(read.observed_points) == len(expected.observed_points)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(text: Path) -> None:
    expected = read_colmap(text)
    for name in ("cameras.txt", "images.txt", "points3D.txt"):
        content = (text / name).read_text().replace("\n", "\r\n")
        (text / name).write_bytes(b"\xef\xbb\xbf" + content.encode())
    read = read_colmap(text)
    cameras_equal(read, expected)
    np.testing.assert_array_equal(read.points, expected.points)


def with_quaternion(scale: float, digits: int | None = None) -> Callable[[list[str]], list[str]]:
    def edit(heads: list[str]) -> list[str]:
        changed = []
        for head in heads:
            fields = head.split(" ")
            values = [float(v) * scale for v in fields[1:5]]
            fields[1:5] = [repr(v) if digits is None else f"{v:.{digits}f}" for v in values]
            changed.append(" ".join(fields))
        return changed

    return edit


@pytest.mark.parametrize(("scale", "digits", "atol"), [(2.0, None, 1e-9), (-0.3, None, 1e-9), (1.0, 2, 0.02)])
def test_quaternions_of_any_length_are_rotations(
    text: Path, scale: float, digits: int | None, atol: float
) -> None:
    expected = read_colmap(text)
    read = read_colmap(edit_images(text, with_quaternion(scale, digits)))
    cameras_equal(read, expected, atol)
    rotations = read.cam_from_world[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12
    )


def test_a_quaternion_of_zeros_is_refused_by_its_images_name(text: Path) -> None:
    edit_images(text, lambda heads: [heads[0], *with_quaternion(0.0)(heads[1:2]), *heads[2:]])
    with pytest.raises(UserError, match=r"image 2\.png in .* has no camera"):
        read_colmap(text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 PINHOLE 64 48 60 61 31 48", "another image size"),
        ("1 PINHOLE 64 48 60 61 0 23", "another image size"),
        ("1 PINHOLE 64 48 60 1e-309 31 23", "impossible"),
        ("1 PINHOLE 64 48 6e9 61 31 23", "impossible"),
        ("1 PINHOLE 100000 60000 60000 60000 50000 30000", "impossible"),
    ],
)
def test_a_camera_that_no_photo_has_is_refused(text: Path, line: str, words: str) -> None:
    (text / "cameras.txt").write_text(line + "\n")
    with pytest.raises(UserError, match=rf"camera 1 in .*{words}"):
        read_colmap(text)


def test_the_newer_of_two_models_is_read_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    model_of().write_binary(folder)
    model_of([f"new_{n}.png" for n in range(5)]).write_text(folder)
    for seconds, suffix, expected in ((100, ".txt", "new_0.png"), (-100, ".bin", "1.png")):
        for path in folder.glob("*.txt"):
            os.utime(path, (path.stat().st_atime, (folder / "images.bin").stat().st_mtime + seconds))
        read = read_colmap(folder)
        assert read.names[0] == expected
        assert len(read.notes) == 1 and f"the {suffix} one is newer" in read.notes[0]


@pytest.mark.parametrize(
    ("kind", "factor"), [("u1", 1), ("f4", 1 / 255), ("f4", 1), ("f8", 1 / 255), ("u2", 257), ("i4", 1)]
)
@pytest.mark.parametrize(
    "names", [("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue")]
)
def test_ply_colours_of_any_type(tmp_path: Path, kind: str, factor: float, names: tuple[str, ...]) -> None:
    colors = np.array([[0, 128, 255], [1, 2, 3]])
    vertices = np.zeros(2, [(axis, "f4") for axis in "xyz"] + [(name, kind) for name in names])
    for channel, name in enumerate(names):
        vertices[name] = colors[:, channel] * factor
    PlyData([PlyElement.describe(vertices, "vertex")]).write(str(tmp_path / "points3D.ply"))
    np.testing.assert_array_equal(read_ply_points(tmp_path / "points3D.ply")[1], colors)


def test_observations_of_points_that_are_gone_are_left_out_and_said(text: Path) -> None:
    """As of points that were filtered by hand: pycolmap reads them without a word."""
    lines = (text / "points3D.txt").read_text().splitlines()
    (text / "points3D.txt").write_text("\n".join(lines[:-1]) + "\n")
    model = read_colmap(text)
    assert model.points is not None and len(model.points) == N_POINTS - 1
    assert len(model.observed_points) == N_VIEWS * (N_POINTS - 1)
    assert [f"{N_VIEWS} observations" in note and "left out" in note for note in model.notes] == [True]
