"""``hw4 cache``: a list by stage, and a removal that is listed first."""

import io
import os
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from hw4.core.cache import MARK, using
from hw4.core.errors import UserError
from hw4.launch.cache import run_cache
from tests.support.cli import hw4

DAY = 86_400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "cache"
    for number, (stage, days) in enumerate((("pose", 40), ("pose", 1), ("splat", 3), ("splat", 35))):
        folder = root / stage / f"{number:020x}"
        with using(folder):
            (folder / "result").write_bytes(b"x" * 1024 * (number + 1))
        used = time.time() - days * DAY
        os.utime(folder / MARK, (used, used))
    (root / "pose" / "notes").mkdir()
    return root


def told(root: Path, *arguments: str) -> tuple[int, str]:
    console = Console(width=200, record=True, file=io.StringIO())
    status = run_cache(["--root", str(root), *arguments], console)
    return status, console.export_text()


def left(root: Path) -> set[str]:
    return {path.name[-1] for path in root.glob("*/*") if path.name != "notes"}


def test_the_list_says_how_much_each_stage_takes(root: Path) -> None:
    status, text = told(root)
    assert status == 0 and "4 folders of results, 10.0 KiB" in text
    rows = [re.split(r"\s*│\s*", line)[1:-1] for line in text.splitlines() if line.startswith("│")]
    assert rows == [
        ["pose", "2", "3.0 KiB", "40 d ago", "24 h ago"],
        ["splat", "2", "7.0 KiB", "35 d ago", "3 d ago"],
    ]
    assert str(root / "pose" / f"{0:020x}") in told(root, "--each")[1]


def test_nothing_goes_before_it_was_listed(root: Path) -> None:
    status, text = told(root, "--older", "30d", "--clear")
    assert status == 0 and "2 folders of results" in text and "Nothing was removed" in text
    assert left(root) == set("0123")


@pytest.mark.parametrize(
    ("options", "rest"),
    [
        (["--older", "30d"], "12"),
        (["--stage", "pose"], "23"),
        (["--stage", "splat", "--older", "4w"], "012"),
        (["--stage", "pose", "--stage", "splat", "--older", "36h"], "1"),
        ([], ""),
    ],
)
def test_what_was_asked_for_goes(options: list[str], rest: str, root: Path) -> None:
    status, text = told(root, *options, "--clear", "--yes")
    assert status == 0 and left(root) == set(rest) and (root / "pose" / "notes").is_dir()
    assert f"{4 - len(rest)} of {4 - len(rest)} removed." in text


def test_what_is_used_stays_and_the_status_says_so(root: Path) -> None:
    with using(root / "pose" / f"{0:020x}"):
        status, text = told(root, "--clear", "--yes")
    assert status == 1 and left(root) == {"0"}
    assert "3 of 4 removed." in text and "a process uses it" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--stage", "spalt"], "Did you mean 'splat'"),
        (["--older", "soon"], "12h, 30d, 8w"),
        (["--yes"], "--clear"),
    ],
)
def test_what_cannot_be_understood_removes_nothing(options: list[str], words: str, root: Path) -> None:
    with pytest.raises(UserError, match=words):
        told(root, *options)
    assert left(root) == set("0123")


def test_from_the_command_line(tmp_path: Path) -> None:
    done = hw4(tmp_path, "cache")
    assert done.returncode == 0 and "0 folders of results" in done.stdout
    done = hw4(tmp_path, "cache", "--root", "nowhere")
    assert done.returncode == 1 and done.stderr == "hw4: --root nowhere is not a folder.\n"
