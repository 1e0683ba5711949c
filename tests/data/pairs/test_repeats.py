"""Pictures and pairs that stand more than once: counted and said."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hw4.config import InputConfig, PairsConfig
from hw4.data.pairs.repeats import repeats
from hw4.data.pairs.samples import load_pairs, load_truth
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.predictions import FromFile, write_predictions
from tests.support.fake_models import FakeModel

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def said(root: Path) -> list[str]:
    return repeats(load_pairs(PairsConfig(root=str(root)), InputConfig()))


def copy(root: Path, source: str, target: str) -> None:
    shutil.copy(root / "images" / source, root / "images" / target)


def test_pairs_of_their_own_photos_have_no_remark(pairs_folder: MakePairs) -> None:
    assert said(pairs_folder(4)[0]) == []


def test_a_picture_of_several_pairs_is_counted_under_any_name(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(5)
    copy(root, "0_a.png", "2_b.png")
    copy(root, "0_a.png", "3_a.png")
    (remark,) = said(root)
    assert remark.startswith("1 picture is in several pairs (0_a.png in idx 0, 2, 3), 3 of 5 pairs have such")


def test_a_pair_that_is_there_twice_is_counted_once_in_either_order(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(5)
    for view in "ab":
        copy(root, f"1_{view}.png", f"3_{view}.png")
    # The other way round, by the index.
    index = root / "pairs.txt"
    index.write_text(index.read_text().replace("4_a.png 4_b.png", "1_b.png 1_a.png"))
    assert said(root) == [
        "2 samples are pairs that were there before (the same pictures in idx 1, 3, 4): each counts again in "
        "means, and is no further evidence in intervals and tests"
    ]


def test_a_pair_of_one_picture_is_said(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(3)
    copy(root, "1_a.png", "1_b.png")
    assert said(root) == ["both photos are the same picture in 1 sample (idx 1)"]


def test_photos_that_are_not_there_count_by_their_path(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(3)
    index = root / "pairs.txt"
    index.write_text(index.read_text().replace("2_a.png", "0_a.png"))
    shutil.rmtree(root / "images")
    (remark,) = repeats(load_truth(PairsConfig(root=str(root))))
    assert "0_a.png in idx 0, 2" in remark


def test_the_remarks_are_in_every_result(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)
    copy(root, "1_a.png", "1_b.png")
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())

    result = evaluate_pose(samples, FakeModel())
    write_predictions(tmp_path / "predictions.npy", result.samples)
    scored = evaluate_pose(samples, FromFile(tmp_path / "predictions.npy"))
    assert result.remarks == scored.remarks == result.to_json()["remarks"] == said(root)
