"""The homework's tree is found by itself; the index as people and programs save it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hw4.config import Config, InputConfig, PairsConfig, SampleConfig
from hw4.config.input import INTERPOLATED
from hw4.core.errors import UserError
from hw4.data.pairs.ground_truth import read_ground_truth
from hw4.data.pairs.indexed import PairRow, read_index
from hw4.data.pairs.samples import load_pairs, load_photo_pairs
from hw4.data.stamps import inputs_stamp
from tests.support.homework import CASE, FRAMES, YAW, write_homework
from tests.support.pairs import camera_entry


@pytest.fixture
def homework(tmp_path: Path) -> Path:
    return write_homework(tmp_path, SampleConfig(root=str(tmp_path / "made"), pairs=3, width=48, height=36))


def test_a_part_is_found_by_its_folder_or_by_the_split(homework: Path) -> None:
    by_folder = PairsConfig(root=str(homework / "public"))
    by_split = PairsConfig(root=str(homework), split="public")
    for config in (by_folder, by_split):
        samples = load_pairs(config, InputConfig(INTERPOLATED))
        assert [(s.idx, s.problem, len(s.image_paths)) for s in samples] == [(CASE, None, 8), (1, None, 8)]
        assert all(path.is_file() for s in samples for path in s.image_paths)
        frame = samples[0].image_paths[1]
        assert frame.parent == homework / "public" / FRAMES / str(CASE) / "dynamicrafter"


def test_the_private_part_has_photos_and_no_truth(homework: Path) -> None:
    config = PairsConfig(root=str(homework), split="private")
    assert [pair.problem for pair in load_photo_pairs(config)] == [None]
    with pytest.raises(UserError, match=r"gt.npy does not exist.*task=predict does without"):
        load_pairs(config, InputConfig())


def test_the_index_beside_the_folder_is_part_of_what_a_run_read(homework: Path) -> None:
    config = Config(data=PairsConfig(root=str(homework / "public")))
    before = inputs_stamp(config)
    index = homework / f"public_{YAW}.txt"
    index.write_text(index.read_text() + "9 ShopFacade/a.png ShopFacade/b.png\n")
    assert inputs_stamp(config) != before


def test_what_cannot_be_told_is_asked_for(homework: Path) -> None:
    with pytest.raises(UserError, match=r"choose with data.split=public\|private"):
        load_photo_pairs(PairsConfig(root=str(homework)))
    second = (homework / "public" / FRAMES).with_name("another_seed")
    shutil.copytree(homework / "public" / FRAMES, second)
    part = PairsConfig(root=str(homework / "public"))
    with pytest.raises(UserError, match=r"frames of several runs.*another_seed"):
        load_pairs(part, InputConfig(INTERPOLATED))
    # The photos alone do not depend on it.
    assert len(load_pairs(part, InputConfig())) == 2
    shutil.copy(homework / f"public_{YAW}.txt", homework / "public_old.txt")
    with pytest.raises(UserError, match=r"several indices beside it \(public_old.txt, public_yaw"):
        load_photo_pairs(part)
    (homework / "public_old.txt").unlink()
    (homework / f"public_{YAW}.txt").unlink()
    with pytest.raises(UserError, match=r"cannot read the index: .*pairs.txt nor public_\*.txt"):
        load_photo_pairs(part)


@pytest.mark.parametrize(
    "row",
    [
        '3 "day 1/a b.png" c.png',
        "3 'day 1/a b.png' c.png",
        "3\tday 1/a b.png\tc.png",
        '3\t"day 1/a b.png"\tc.png\textra words',
        '  3   "day 1/a b.png"   c.png   84.2   ShopFacade',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_blanks_in_names_extra_columns_and_byte_order_marks(tmp_path: Path, row: str, encoding: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(f"idx img1 img2\r\n---\r\n{row}\r\n".encode(encoding))
    assert read_index(path) == [PairRow(3, "day 1/a b.png", "c.png")]


def test_quotes_inside_a_name_belong_to_it(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text('idx img1 img2\n1 it\'s.png 5"x7".png\n')
    assert read_index(path) == [PairRow(1, "it's.png", '5"x7".png')]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_in_the_truth_is_no_error(tmp_path: Path, encoding: str) -> None:
    truth = {"0": {"img1": camera_entry(np.eye(4)), "img2": camera_entry(np.eye(4))}}
    (tmp_path / "gt.json").write_bytes(json.dumps(truth).encode(encoding))
    assert list(read_ground_truth(tmp_path / "gt.json")) == [0]
