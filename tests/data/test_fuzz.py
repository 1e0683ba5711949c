"""Damaged files of every format that is read: a right result or one sentence, in bounded time and memory.

`HW4_FUZZ=<examples>` tries that many a format, other ones each time; without it a few, the same always.
"""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

from hw4.config import InputConfig, PairsConfig
from hw4.core.colmap import pycolmap
from hw4.core.errors import UserError
from hw4.data.orientation import stored_size
from hw4.data.pairs.samples import load_pairs
from hw4.data.photos import load_image
from hw4.data.scenes.scene import Scene, load_scene
from hw4.pose.predictions import FromFile
from hw4.splat.camera_file import read_cameras
from hw4.splat.gaussians import load_ply, make_gaussians, save_ply
from tests.support.colmap_scenes import write_scene
from tests.support.fuzz import Format, are_cameras, harm_and_read
from tests.support.mutations import damaged_bytes, damaged_json, damaged_text, damaged_value
from tests.support.pairs import random_cameras, write_pairs

POINTS = np.random.default_rng(0).normal(size=(12, 3))


def check_scene(scene: Scene) -> None:
    train = scene.train
    assert len(train.images) == len(train.names) >= 2
    assert train.cam_from_world is not None and np.isfinite(train.cam_from_world).all()
    assert are_cameras(train.cam_from_world)
    assert train.Ks is not None and np.isfinite(train.Ks).all() and (train.Ks[:, [0, 1], [0, 1]] > 0).all()
    if train.points is not None:
        assert train.points.shape[1:] == (3,) and train.points.dtype == np.float64
        assert train.colors is None or train.colors.shape == train.points.shape
        assert train.conf is None or train.conf.shape == (len(train.points),)


def write_binary(root: Path) -> None:
    write_scene(root, POINTS)
    folder = root / "sparse" / "0"
    model = pycolmap.Reconstruction(str(folder))
    for path in folder.iterdir():
        path.unlink()
    model.write_binary(folder)


def write_sparse(root: Path) -> None:
    """InstantSplat's layout with its PLY and confidences."""
    write_scene(root, POINTS)
    (root / "sparse").rename(root / "sparse_3")
    folder = root / "sparse_3" / "0"
    (folder / "points3D.txt").unlink()
    rows = [(*point, *color) for point, color in zip(POINTS, np.arange(36).reshape(12, 3), strict=True)]
    kinds = [*((axis, "f4") for axis in "xyz"), *((color, "u1") for color in ("red", "green", "blue"))]
    PlyData([PlyElement.describe(np.array(rows, kinds), "vertex")], byte_order="<").write(
        folder / "points3D.ply"
    )
    np.save(folder / "confidence_dsp.npy", np.ones(12, np.float32))


def as_text(root: Path) -> None:
    write_sparse(root)
    ply = root / "sparse_3" / "0" / "points3D.ply"
    PlyData([PlyData.read(ply, mmap=False)["vertex"]], text=True).write(ply)


def write_truth(root: Path, **options: bool) -> None:
    write_pairs(root, random_cameras(np.random.default_rng(0), 4).reshape(2, 2, 4, 4), **options)


def read_pairs(root: Path) -> None:
    for sample in load_pairs(PairsConfig(root=str(root)), InputConfig()):
        if sample.problem is None:
            assert sample.cam_from_world is not None and are_cameras(sample.cam_from_world)
            assert all(path.is_file() for path in sample.image_paths)
        else:
            assert sample.problem and "\n" not in sample.problem


def damaged_npy(rng: random.Random, content: bytes) -> bytes:
    """A ``.npy`` of a pickled dict: other bytes, or another dict."""
    if rng.random() < 0.5:
        return damaged_bytes(rng, content)
    value = damaged_value(rng, np.load(io.BytesIO(content), allow_pickle=True).item())
    stream = io.BytesIO()
    held = np.empty((), object)
    held[()] = value
    np.save(stream, held, allow_pickle=True)
    return stream.getvalue()


def write_predicted(root: Path) -> None:
    write_truth(root)
    content = {"0": np.tile(np.eye(4), (2, 1, 1)), "1": np.tile(np.eye(4), (2, 1, 1)).tolist()}
    np.save(root / "predictions.npy", np.array(content, dtype=object), allow_pickle=True)


def read_predicted(root: Path) -> None:
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    for answer in FromFile(root / "predictions.npy").answers(samples):
        cameras = answer.prediction.cam_from_world
        assert (cameras is None) == (answer.prediction.reason is not None)
        assert cameras is None or np.isfinite(cameras).all()


def write_cameras(root: Path) -> None:
    camera = {"role": "train", "name": "a.png", "size": [64, 48], "photo": "a.png"}
    matrices = {"cam_from_world": np.eye(4)[:3].tolist(), "K": np.eye(3).tolist()}
    (root / "cameras.json").write_text(json.dumps([camera | matrices] * 2))


def read_saved_cameras(root: Path) -> None:
    assert all(one.cam_from_world.shape == (3, 4) for one in read_cameras(root / "cameras.json"))


def write_gaussians(root: Path) -> None:
    save_ply(make_gaussians(POINTS, np.full((12, 3), 9), 1, 0.5), root / "g.ply")


def read_gaussians(root: Path) -> None:
    gaussians = load_ply(root / "g.ply")
    assert gaussians["means"].isfinite().all() and len(gaussians["means"]) == len(gaussians["shN"])


PHOTOS = {"a.png": "PNG", "a.jpg": "JPEG", "a.tif": "TIFF", "a.bmp": "BMP", "a.webp": "WEBP"}


def write_photos(root: Path) -> None:
    image = Image.fromarray(np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, kind in PHOTOS.items():
        image.save(root / name, kind, exif=exif)
    image.convert("P").save(root / "palette.png", transparency=0)


def read_photos(root: Path) -> None:
    said = None
    for path in sorted(root.iterdir()):
        size = stored_size(path)
        try:
            image = load_image(path)
        except UserError as error:
            said = error
            continue
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert size is not None and sorted(size[0]) == sorted(image.shape[:2])
    if said is not None:
        raise said


COLMAP_TEXT = {f"sparse/0/{name}.txt": damaged_text for name in ("cameras", "images", "points3D")}
COLMAP_BINARY = {
    f"sparse/0/{name}.bin": damaged_bytes for name in ("cameras", "images", "points3D", "rigs", "frames")
}
SPARSE = "sparse_3/0/"


def read_scene(root: Path) -> None:
    check_scene(load_scene(root))


FORMATS = {
    "COLMAP's text": Format(lambda root: write_scene(root, POINTS), COLMAP_TEXT, read_scene),
    "COLMAP's binaries": Format(write_binary, COLMAP_BINARY, read_scene),
    "points in a binary PLY": Format(
        write_sparse,
        {f"{SPARSE}points3D.ply": damaged_bytes, f"{SPARSE}confidence_dsp.npy": damaged_bytes},
        read_scene,
    ),
    "points in a text PLY": Format(as_text, {f"{SPARSE}points3D.ply": damaged_text}, read_scene),
    "Gaussians": Format(write_gaussians, {"g.ply": damaged_bytes}, read_gaussians),
    "pairs.txt": Format(write_truth, {"pairs.txt": damaged_text}, read_pairs),
    "gt.npy": Format(write_truth, {"gt.npy": damaged_npy}, read_pairs),
    "gt.json": Format(lambda root: write_truth(root, as_json=True), {"gt.json": damaged_json}, read_pairs),
    "predictions": Format(write_predicted, {"predictions.npy": damaged_npy}, read_predicted),
    "cameras.json": Format(
        write_cameras,
        {"cameras.json": damaged_json},
        read_saved_cameras,
        # The viewer goes without it.
        (ValueError,),
    ),
    "photos": Format(
        write_photos,
        dict.fromkeys((*PHOTOS, "palette.png"), damaged_bytes),
        read_photos,
        # A header may announce more pixels than there is memory; the command line has a sentence for that.
        (UserError, MemoryError),
    ),
}


def _without_a_point(content: bytes) -> bytes:
    return b"\n".join(content.split(b"\n")[1:])


def _with_a_huge_number(content: bytes) -> bytes:
    stream = io.BytesIO()
    value = {"0": [[[10**400] * 4] * 4] * 2, "1": np.tile(np.eye(4), (2, 1, 1))}
    np.save(stream, np.array(value, dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "file", "edit", "words"),
    [
        ("COLMAP's text", "sparse/0/points3D.txt", _without_a_point, None),
        (
            "COLMAP's text",
            "sparse/0/images.txt",
            lambda content: content.replace(b"001.png", b"0\x001.png"),
            "no file can be called",
        ),
        (
            "COLMAP's binaries",
            "sparse/0/images.bin",
            lambda content: content.replace(b"001.png", b"0\xd91.png"),
            "no UTF-8",
        ),
        (
            "points in a binary PLY",
            f"{SPARSE}confidence_dsp.npy",
            lambda content: content.replace(b"'fortran_order': False", b"'fortran_order': (((("),
            "must be a .npy of one number a point",
        ),
        ("predictions", "predictions.npy", _with_a_huge_number, None),
        ("cameras.json", "cameras.json", lambda content: content.replace(b"64, 48", b"64"), "no cameras"),
        ("cameras.json", "cameras.json", lambda content: content.replace(b"train", b"trein"), "no cameras"),
        (
            "photos",
            "a.tif",
            # Where its pixels begin, as a floating-point number.
            lambda content: content.replace(b"\x11\x01\x04\x00", b"\x11\x01\x0b\x00"),
            "cannot read image",
        ),
    ],
)
def test_what_was_found(
    name: str, file: str, edit: Callable[[bytes], bytes], words: str | None, tmp_path: Path
) -> None:
    kind = FORMATS[name]
    kind.write(tmp_path)
    valid = (tmp_path / file).read_bytes()
    assert edit(valid) != valid
    (tmp_path / file).write_bytes(edit(valid))
    if words is None:
        kind.read(tmp_path)
    else:
        with pytest.raises(kind.said, match=words) as said:
            kind.read(tmp_path)
        assert "\n" not in str(said.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_read_rightly_or_is_one_sentence(name: str, tmp_path: Path) -> None:
    harm_and_read(FORMATS[name], tmp_path)
