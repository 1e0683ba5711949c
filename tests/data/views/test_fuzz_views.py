"""Damaged files of posed views and of lists of pairs; see `tests.support.fuzz`."""

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hw4.config import InputConfig, NerfstudioConfig, PairsListConfig, TumConfig, ViewsConfig
from hw4.core.errors import UserError
from hw4.data.pairs.samples import load_pairs
from hw4.data.views.load import load_views
from hw4.pose.given.readers import predictions_of
from tests.support.fuzz import Format, are_cameras, harm_and_read
from tests.support.mutations import damaged_bytes, damaged_json, damaged_text, damaged_value
from tests.support.views import SIZE, K, ring, write_photos

N = 4
WORLD_FROM_CAM = np.linalg.inv(ring(N))


def row(values: object) -> str:
    return " ".join(f"{value:.17g}" for value in np.ravel(np.asarray(values)))


def write_nerfstudio(root: Path) -> None:
    opengl = WORLD_FROM_CAM @ np.diag([1.0, -1, -1, 1])
    frames = [
        {"file_path": f"images/{i}.png", "transform_matrix": opengl[i].tolist(), "w": SIZE[0], "h": SIZE[1]}
        for i in range(N)
    ]
    content = {"fl_x": 30.0, "camera_angle_x": 0.9, "k1": 0.0, "frames": frames, "depth_unit_scale_factor": 1}
    (root / "transforms.json").write_text(json.dumps(content))
    write_photos([root / f"images/{i}.png" for i in range(N)])


def write_tum(root: Path) -> None:
    quat = Rotation.from_matrix(WORLD_FROM_CAM[:, :3, :3]).as_quat()
    poses = [f"{i}.5 {row(WORLD_FROM_CAM[i, :3, 3])} {row(quat[i])}" for i in range(N)]
    (root / "groundtruth.txt").write_text("\n".join(["# timestamp tx ty tz qx qy qz qw", *poses]) + "\n")
    (root / "rgb.txt").write_text("".join(f"{i}.5 rgb/{i}.5.png\n" for i in range(N)))
    (root / "calibration.txt").write_text("30 31 15.5 11.5\n")
    write_photos([root / f"rgb/{i}.5.png" for i in range(N)], (640, 480))


def read_views(config: ViewsConfig) -> None:
    for sample in load_views(config).samples:
        assert sample.cam_from_world is not None and np.isfinite(sample.cam_from_world).all()
        assert are_cameras(sample.cam_from_world)
        assert sample.problem is None or (sample.problem and "\n" not in sample.problem)


def write_superglue(root: Path) -> None:
    relative = ring(N)[1] @ np.linalg.inv(ring(N)[0])
    (root / "list.txt").write_text(f"0.png 1.png 0 0 {row(K)} {row(K)} {row(relative)}\n0.png 2.png 0 0\n")
    write_photos([root / f"{i}.png" for i in range(3)])


def write_megadepth(root: Path) -> None:
    names, poses, Ks = (np.empty(N, object) for _ in range(3))
    for i in range(N):
        names[i], poses[i], Ks[i] = f"{i}.png", ring(N)[i], K
    pairs = np.empty(2, object)
    for i in range(2):
        pairs[i] = ((i, i + 1), 0.5, None)
    np.savez(root / "list.npz", image_paths=names, poses=poses, intrinsics=Ks, pair_infos=pairs)
    write_photos([root / f"{i}.png" for i in range(N)])


def damaged_npz(rng: random.Random, content: bytes) -> bytes:
    """Bytes of the archive, or parts of what its pickles hold."""
    if rng.random() < 0.4:
        return damaged_bytes(rng, content)
    arrays = dict(np.load(io.BytesIO(content), allow_pickle=True))
    name = sorted(arrays)[rng.randint(0, len(arrays) - 1)]
    items = damaged_value(rng, list(arrays[name]))
    held = np.empty(len(items) if isinstance(items, list) else (), object)
    held[...] = items
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, name: held})
    return stream.getvalue()


def read_list(root: Path, name: str) -> None:
    for sample in load_pairs(PairsListConfig(root=str(root), list=name), InputConfig()):
        if sample.problem is None and sample.cam_from_world is not None:
            assert np.isfinite(sample.cam_from_world[:, :3, :3]).all()
        assert sample.problem is None or "\n" not in sample.problem


def read_given(root: Path, name: str) -> None:
    samples = load_views(TumConfig(root=str(root / "truth"), views=2)).samples
    for answer in predictions_of(root / name, 0.02).answers(samples):
        cameras = answer.prediction.cam_from_world
        assert cameras is None or are_cameras(cameras[np.isfinite(cameras).all(axis=(1, 2))])


def write_given(root: Path) -> None:
    (root / "truth").mkdir()
    write_tum(root / "truth")
    (root / "mine.txt").write_bytes((root / "truth" / "groundtruth.txt").read_bytes())


FORMATS = {
    "transforms.json": Format(
        write_nerfstudio,
        {"transforms.json": damaged_json},
        lambda root: read_views(NerfstudioConfig(root=str(root), views=2)),
    ),
    "TUM": Format(
        write_tum,
        dict.fromkeys(("groundtruth.txt", "rgb.txt", "calibration.txt"), damaged_text),
        lambda root: read_views(TumConfig(root=str(root), views=2)),
    ),
    "SuperGlue": Format(
        write_superglue, {"list.txt": damaged_text}, lambda root: read_list(root, "list.txt")
    ),
    "MegaDepth": Format(write_megadepth, {"list.npz": damaged_npz}, lambda root: read_list(root, "list.npz")),
    "trajectory": Format(write_given, {"mine.txt": damaged_text}, lambda root: read_given(root, "mine.txt")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_read_rightly_or_is_one_sentence(name: str, tmp_path: Path) -> None:
    harm_and_read(FORMATS[name], tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k1": {}}, "a frame cannot be used"),
        ({"fl_x": 10**400}, "a frame cannot be used"),
        ({"h": 0}, "32x0 pixels"),
        ({"file_path": "x" * 300}, None),
    ],
)
def test_what_was_found_in_transforms(change: dict[str, object], words: str | None, tmp_path: Path) -> None:
    write_nerfstudio(tmp_path)
    content = json.loads((tmp_path / "transforms.json").read_text())
    for frame in content["frames"][:1]:
        frame |= change
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    if words is None:
        (tmp_path / "images" / "1.png").unlink()
        problems = [s.problem for s in load_views(NerfstudioConfig(root=str(tmp_path), views=4)).samples]
        assert any("too long" in str(problem) or "does not exist" in str(problem) for problem in problems)
    else:
        with pytest.raises(UserError, match=words):
            read_views(NerfstudioConfig(root=str(tmp_path), views=2))


def test_what_was_found_in_megadepth(tmp_path: Path) -> None:
    write_megadepth(tmp_path)
    arrays = dict(np.load(tmp_path / "list.npz", allow_pickle=True))
    arrays["poses"][0] = [[10**400] * 4] * 4
    np.savez(tmp_path / "list.npz", **arrays)
    first, second = load_pairs(PairsListConfig(root=str(tmp_path), list="list.npz"), InputConfig())
    assert "cannot be used" in str(first.problem) and second.problem is None
