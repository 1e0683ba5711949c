"""`data=pairs_list`: the lists of SuperGlue and LoFTR, in their exact layouts."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw4.config import InputConfig, PairsListConfig
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample, load_pairs, load_truth
from hw4.data.registry import files_read
from tests.support.pairs import random_cameras
from tests.support.views import write_photos

SIZE = (64, 48)
K = np.array([[70.0, 0, 30], [0, 72, 25], [0, 0, 1]])


def relative(sample: PairSample) -> np.ndarray:
    assert sample.cam_from_world is not None
    return np.asarray(sample.cam_from_world[1] @ np.linalg.inv(sample.cam_from_world[0]))


def numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.17g}" for value in np.ravel(values))


def samples(root: Path, **keys: Any) -> list[PairSample]:
    return load_pairs(PairsListConfig(root=str(root), **keys), InputConfig())


@pytest.fixture
def cameras() -> np.ndarray:
    return random_cameras(np.random.default_rng(3), 4)


def test_superglues_list(tmp_path: Path, cameras: np.ndarray) -> None:
    second_from_first = cameras[1] @ np.linalg.inv(cameras[0])
    write_photos([tmp_path / "s/a.jpg", tmp_path / "s/b.jpg"], SIZE)
    text = (
        f"s/a.jpg s/b.jpg 0 0 {numbers(K)} {numbers(K)} {numbers(second_from_first)}\n\ns/a.jpg s/b.jpg 0 0\n"
    )
    (tmp_path / "pairs.txt").write_text(text)
    whole, without = samples(tmp_path, list="pairs.txt")
    np.testing.assert_allclose(relative(whole), second_from_first)
    assert whole.Ks is not None
    np.testing.assert_array_equal(whole.Ks, [K, K])
    assert "no ground truth" in str(without.problem)
    (blind, _) = load_pairs(PairsListConfig(root=str(tmp_path), list="pairs.txt"), InputConfig(), truth=False)
    assert blind.problem is None


def test_loftrs_scannet(tmp_path: Path, cameras: np.ndarray) -> None:
    scan = tmp_path / "scans/scene0707_00"
    write_photos([scan / "color/15.jpg", scan / "color/585.jpg", scan / "color/600.jpg"], (1296, 968))
    (scan / "pose").mkdir()
    for frame, camera in zip((15, 585), np.linalg.inv(cameras), strict=False):
        (scan / f"pose/{frame}.txt").write_text("\n".join(numbers(row) for row in camera))
    (scan / "pose/600.txt").write_text("-inf -inf -inf -inf\n" * 4)
    lists = tmp_path / "lists"
    lists.mkdir()
    np.savez(lists / "test.npz", name=np.array([[707, 0, 15, 585], [707, 0, 15, 600]]))
    depth_K = np.array([[577.0, 0, 318], [0, 578, 242], [0, 0, 1]])
    np.savez(lists / "intrinsics.npz", scene0707_00=depth_K)
    good, lost = samples(tmp_path / "scans", list=str(lists))
    np.testing.assert_allclose(relative(good), cameras[1] @ np.linalg.inv(cameras[0]))
    assert good.Ks is not None
    # Of images of 640x480.
    np.testing.assert_allclose(good.Ks[0], np.diag([1296 / 640, 968 / 480, 1]) @ depth_K)
    assert "holds no pose" in str(lost.problem)
    config = PairsListConfig(root=str(tmp_path / "scans"), list=str(lists), limit=1)
    read = {os.path.normpath(path) for path in files_read(config)[1:]}
    assert {"scene0707_00/pose/15.txt", "scene0707_00/color/585.jpg", "../lists/test.npz"} <= read
    assert "scene0707_00/color/600.jpg" not in read


def objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def megadepth(path: Path, cameras: np.ndarray, pair_infos: np.ndarray) -> None:
    """As LoFTR saves it: with None where a photo was left out."""
    paths = ["Undistorted_SfM/0015/images/a.jpg", None, "Undistorted_SfM/0015/images/b.jpg"]
    np.savez(
        path,
        allow_pickle=True,
        image_paths=objects(paths),
        depth_paths=objects(["phoenix/a.h5", None, "phoenix/b.h5"]),
        intrinsics=objects([K, None, K]),
        poses=objects([cameras[0], None, cameras[1]]),
        pair_infos=pair_infos,
    )


@pytest.mark.parametrize("flat", [True, False])
def test_loftrs_megadepth(tmp_path: Path, cameras: np.ndarray, flat: bool) -> None:
    write_photos([tmp_path / f"Undistorted_SfM/0015/images/{name}.jpg" for name in "ab"], SIZE)
    info = [(0, 2), 0.3, [[5, 6]]]
    infos = objects([info, info]) if flat else np.array([info, info], dtype=object)
    assert infos.shape == ((2,) if flat else (2, 3))
    megadepth(tmp_path / "0015_0.1_0.3.npz", cameras, infos)
    first, second = samples(tmp_path, list="0015_0.1_0.3.npz")
    for sample in (first, second):
        np.testing.assert_allclose(relative(sample), cameras[1] @ np.linalg.inv(cameras[0]))
        assert sample.Ks is not None and [path.name for path in sample.image_paths] == ["a.jpg", "b.jpg"]


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch harmed",)


def test_a_list_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("bad.npz", allow_pickle=True, pair_infos=objects([Harm()]))
    with pytest.raises(UserError, match=r"bad.npz was refused: it refers to (posix|nt)\.system"):
        samples(tmp_path, list="bad.npz")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", b"a b c\n", "line 1: 3 columns"),
        ("p.txt", b"", "lists no pair"),
        ("p.txt", b"../../a b\n", "leads out of"),
        ("p.npz", b"PK", "cannot read .*p.npz"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        samples(tmp_path, list=name)


def test_what_else_is_wrong_with_a_list(tmp_path: Path, cameras: np.ndarray) -> None:
    with pytest.raises(UserError, match="cannot read the list .*none.txt"):
        samples(tmp_path, list="none.txt")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(UserError, match="has neither 'name'"):
        samples(tmp_path, list="other.npz")
    np.savez(tmp_path / "scannet.npz", name=np.zeros((1, 4), int))
    with pytest.raises(UserError, match=r"set data.intrinsics"):
        samples(tmp_path, list="scannet.npz")
    megadepth(tmp_path / "m.npz", cameras, objects([[(0, 7), 0.1, 0]]))
    with pytest.raises(UserError, match="is no list of pairs of LoFTR's"):
        samples(tmp_path, list="m.npz")
    megadepth(tmp_path / "m.npz", cameras, objects([[(0, 1), 0.1, 0]]))
    (one,) = load_truth(PairsListConfig(root=str(tmp_path), list="m.npz"))
    assert "no pose or no intrinsics" in str(one.problem)
