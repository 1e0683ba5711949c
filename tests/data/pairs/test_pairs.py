"""The pair layout: what is read, and what is refused in one sentence."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.config import InputConfig, PairsConfig
from hw4.core.errors import UserError
from hw4.data.pairs.frames import interpolated_frames, keep_evenly
from hw4.data.pairs.ground_truth import camera_from_entry, intrinsics_from_entry, read_ground_truth
from hw4.data.pairs.indexed import read_index
from hw4.data.pairs.samples import PairSample, load_pairs, load_truth
from hw4.data.pickles import load_npy_dict
from tests.support.pairs import Hostile, camera_entry, random_cameras

MakePairs = Callable[..., tuple[Path, np.ndarray]]


@pytest.mark.parametrize("as_json", [False, True])
def test_cameras_come_back(pairs_folder: MakePairs, as_json: bool) -> None:
    root, cameras = pairs_folder(3, as_json=as_json)
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    assert [s.idx for s in samples] == [0, 1, 2]
    for sample, expected in zip(samples, cameras, strict=True):
        assert sample.problem is None
        np.testing.assert_allclose(sample.cam_from_world, expected, atol=1e-9)
        assert [p.name for p in sample.image_paths] == [f"{sample.idx}_a.png", f"{sample.idx}_b.png"]


@given(st.integers(0, 2**31 - 1), st.floats(0.1, 9))
@settings(max_examples=25, deadline=None)
def test_c2w_is_the_inverse_and_quaternions_need_no_norm(seed: int, norm: float) -> None:
    (camera,) = random_cameras(np.random.default_rng(seed), 1)
    entry = camera_entry(camera)
    scaled = {key: value * (norm if key.startswith("q") else 1) for key, value in entry.items()}
    np.testing.assert_allclose(camera_from_entry(scaled, "w2c"), camera, atol=1e-9)
    np.testing.assert_allclose(camera_from_entry(scaled, "c2w"), np.linalg.inv(camera), atol=1e-9)


def test_translation_may_be_absent(pairs_folder: MakePairs) -> None:
    camera = camera_from_entry({"qx": 0, "qy": 0, "qz": 0, "qw": 1}, "w2c")
    assert np.isnan(camera[:3, 3]).all() and np.isfinite(camera[:3, :3]).all()


def test_intrinsics_are_read_per_view(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(1, as_json=True)
    truth = json.loads((root / "gt.json").read_text())
    for view, focal in (("img1", 30.0), ("img2", 40.0)):
        truth["0"][view]["K"] = [[focal, 0, 16], [0, focal, 12], [0, 0, 1]]
    (root / "gt.json").write_text(json.dumps(truth))
    (sample,) = load_pairs(PairsConfig(root=str(root)), InputConfig())
    assert sample.Ks[:, 0, 0].tolist() == [30.0, 40.0]


def test_frames_are_sorted_by_number_and_lose_both_ends(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(1, frames=12)
    (sample,) = load_pairs(PairsConfig(root=str(root)), InputConfig("interpolated"))
    names = [p.name for p in sample.image_paths]
    assert names == ["0_a.png", *(f"0_frame{n}.png" for n in range(1, 11)), "0_b.png"]
    (thinned,) = load_pairs(PairsConfig(root=str(root)), InputConfig("interpolated", max_frames=3))
    assert len(thinned.image_paths) == 5 and thinned.image_paths[0] == sample.image_paths[0]


@given(st.integers(1, 60), st.integers(1, 60))
def test_keep_evenly_keeps_order_and_number(n: int, at_most: int) -> None:
    frames = [Path(str(i)) for i in range(n)]
    kept = keep_evenly(frames, at_most)
    assert len(kept) == min(n, at_most)
    assert kept == sorted(set(kept), key=frames.index)


def test_missing_generator_names_those_that_exist(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(1, frames=4)
    with pytest.raises(ValueError, match="there is dynamicrafter: set data.generator"):
        interpolated_frames(root / "interpolated", 0, "real")
    (sample,) = load_pairs(PairsConfig(root=str(root), generator="real"), InputConfig("interpolated"))
    assert "no interpolated frames" in str(sample.problem)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 a.png b.png\n", "no line starting 'idx img1 img2'"),
        ("idx img1 img2\n---\n", "lists no pair"),
        ("idx img1 img2\n0 a.png\n", "line 2: '0 a.png' is not"),
        ("idx img1 img2\nx a.png b.png\n", "line 2"),
        ("idx img1 img2\n0 a b\n0 c d\n", "line 3: idx 0 stands there twice"),
    ],
)
def test_malformed_index_names_the_line(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_index(tmp_path / "pairs.txt")


def test_one_bad_sample_does_not_hide_the_others(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(5, as_json=True)
    truth = json.loads((root / "gt.json").read_text())
    truth["1"]["img1"]["qx"] = float("nan")
    truth["2"]["img2"] = {"qx": 0, "qy": 0, "qz": 0, "qw": 0}
    del truth["3"]
    (root / "gt.json").write_text(json.dumps(truth))
    (root / "images" / "4_a.png").unlink()
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    assert samples[0].problem is None
    for sample, words in zip(
        samples[1:], ("NaN", "quaternion is zero", "no entry 3", "4_a.png"), strict=True
    ):
        assert words in str(sample.problem)


def test_hostile_pickle_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    for content in ({0: Hostile(target)}, Hostile(target)):
        np.save(tmp_path / "gt.npy", np.array(content, dtype=object), allow_pickle=True)
        with pytest.raises(UserError, match=r"refused.*open"):
            read_ground_truth(tmp_path / "gt.npy")
    assert not target.exists()


def test_what_numpy_writes_is_read(tmp_path: Path) -> None:
    value = {"0": np.arange(32.0).reshape(2, 4, 4), "1": np.float32(2.5), "2": [1, "é", (2.0, None)]}
    np.save(tmp_path / "x.npy", np.array(value, dtype=object), allow_pickle=True)
    read = load_npy_dict(tmp_path / "x.npy")
    np.testing.assert_array_equal(read["0"], value["0"])
    assert read["1"] == 2.5 and read["2"] == value["2"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    value = {3: {"img1": {"qx": np.float64(0.5)}, "K": np.eye(3)}}
    header = (
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117)
        + b"\n"
    )
    body = pickle.dumps(np.array(value, dtype=object), protocol=protocol)
    (tmp_path / "x.npy").write_bytes(header + body)
    assert load_npy_dict(tmp_path / "x.npy")[3]["img1"]["qx"] == 0.5


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "not a .npy"), (b"\x93NUMPY", "not a .npy"), (b"hello world, no numpy", "not a .npy")],
)
def test_damaged_file_is_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(UserError, match=words):
        load_npy_dict(tmp_path / "x.npy")


def test_truncated_pickle_and_plain_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array({"a": np.eye(4)}, dtype=object), allow_pickle=True)
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:-20])
    with pytest.raises(UserError, match="refused"):
        load_npy_dict(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", np.eye(4))
    with pytest.raises(UserError, match="plain array"):
        load_npy_dict(tmp_path / "y.npy")
    with pytest.raises(UserError, match="cannot read"):
        load_npy_dict(tmp_path / "nowhere.npy")


def changed_truth(root: Path, **changes: object) -> PairSample:
    """Sample 0 after its first view's entry was changed; None removes a key."""
    truth = np.load(root / "gt.npy", allow_pickle=True).item()
    for key, value in changes.items():
        if value is None:
            truth[0]["img1"].pop(key)
        else:
            truth[0]["img1"][key] = value
            if key == "K":
                truth[0]["img2"].setdefault("K", np.diag([50.0, 50.0, 1.0]))
    np.save(root / "gt.npy", np.array(truth, dtype=object), allow_pickle=True)
    return load_pairs(PairsConfig(root=str(root)), InputConfig())[0]


@pytest.mark.parametrize(
    "K",
    [
        np.zeros((3, 3)),
        np.diag([-50.0, 50.0, 1.0]),
        np.full((3, 3), 1e30),
        np.diag([1e30, 1e30, 1.0]),
        np.diag([50.0, 50.0, 2.0]),
    ],
)
def test_a_K_that_is_no_camera_is_refused(pairs_folder: MakePairs, K: np.ndarray) -> None:
    problem = changed_truth(pairs_folder(1)[0], K=K).problem
    assert problem is not None and "entry 0 of gt.npy: K is no camera: it needs focal lengths" in problem


def test_a_ragged_K_is_worded(pairs_folder: MakePairs) -> None:
    for K in ([[1.0, 0.0, 0.0], [0.0, 1.0]], "abc", [[1, 2], [3, 4]]):
        problem = changed_truth(pairs_folder(1, name=str(K)[:9])[0], K=K).problem
        assert problem is not None and "K must be two finite 3x3 matrices" in problem
        assert "inhomogeneous" not in problem


def test_a_translation_with_a_part_missing_is_no_missing_translation(pairs_folder: MakePairs) -> None:
    assert changed_truth(pairs_folder(1)[0], tx=None).problem == "entry 0 of gt.npy: the camera has no 'tx'"


def test_a_missing_ground_truth_names_the_key(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(1)
    (root / "gt.npy").unlink()
    with pytest.raises(UserError, match=r"gt\.npy does not exist; .*data\.gt="):
        load_pairs(PairsConfig(root=str(root)), InputConfig())


def test_scoring_needs_the_index_and_the_truth_alone(pairs_folder: MakePairs) -> None:
    root, cameras = pairs_folder(2)
    shutil.rmtree(root / "images")
    samples = load_truth(PairsConfig(root=str(root)))
    assert [s.problem for s in samples] == [None, None]
    np.testing.assert_allclose(samples[1].cam_from_world, cameras[1], atol=1e-9)
    problems = [s.problem for s in load_pairs(PairsConfig(root=str(root)), InputConfig())]
    assert all(problem is not None and "does not exist" in problem for problem in problems)


def test_folders_that_cannot_be_read_are_worded(
    pairs_folder: MakePairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = pairs_folder(2, frames=4)
    locked = {root / "images" / "0_a.png", root / "interpolated" / "0" / "dynamicrafter"}
    is_file, iterdir = Path.is_file, Path.iterdir

    def refuse(path: Path) -> None:
        if path in locked:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", lambda path: refuse(path) or is_file(path))
    monkeypatch.setattr(Path, "iterdir", lambda path: refuse(path) or iterdir(path))
    photos = load_pairs(PairsConfig(root=str(root)), InputConfig())
    assert photos[0].problem == f"image {root}/images/0_a.png cannot be read: Permission denied"
    locked.remove(root / "images" / "0_a.png")
    frames = load_pairs(PairsConfig(root=str(root)), InputConfig("interpolated"))
    assert frames[0].problem == f"cannot look into {root}/interpolated/0/dynamicrafter: Permission denied"
    assert frames[1].problem is None
    is_dir = Path.is_dir
    locked.add(root / "images")
    monkeypatch.setattr(Path, "is_dir", lambda path: refuse(path) or is_dir(path))
    with pytest.raises(
        UserError, match=r"cannot look for images below .*: Permission denied; set data.images"
    ):
        load_pairs(PairsConfig(root=str(root)), InputConfig())


def test_numbers_of_any_size_are_a_camera_or_a_sentence(tmp_path: Path) -> None:
    entry = {"qx": 0.0, "qy": 1e308, "qz": 0.0, "qw": 1e308}
    np.testing.assert_allclose(
        camera_from_entry(entry, "w2c")[:3, :3], Rotation.from_quat([0, 1, 0, 1]).as_matrix(), atol=1e-12
    )
    with pytest.raises(ValueError, match="not a number"):
        camera_from_entry({**entry, "qx": 10**400}, "w2c")
    with pytest.raises(ValueError, match="K must be"):
        intrinsics_from_entry({"img1": {}, "img2": {}, "K": [[10**400, 0, 0], [0, 1, 0], [0, 0, 1]]})
    (tmp_path / "gt.json").write_text(json.dumps({"9" * 5000: {}}))
    with pytest.raises(UserError, match="keys of the ground truth must be sample numbers"):
        read_ground_truth(tmp_path / "gt.json")


def test_a_line_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"header\nidx img1 img2\n0 a.png b.png\n1 \xfc_a.png b.png\n2 c.png d.png\n")
    with pytest.raises(
        UserError, match=r"line 4 is no UTF-8 \('1 .udcfc_a\.png b\.png'\): save the file in UTF-8"
    ):
        read_index(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff")
    with pytest.raises(UserError, match=r"line 1 is no UTF-8|is not text"):
        read_index(path)
    path.write_text("idx,img1,img2\n0,a.png,b.png\n")
    with pytest.raises(UserError, match="has its columns between commas"):
        read_index(path)
