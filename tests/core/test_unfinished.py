"""What a killed writer leaves is taken over by the next one; two writers at once do not meet."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.core.unfinished import unfinished
from tests.support.paths import ROOT

WRITING = """
import os, sys, time
from pathlib import Path
from hw4.core.unfinished import unfinished
with unfinished(Path(sys.argv[1])) as (handle, temporary):
    os.write(handle, b"half of a long content")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def names(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


def test_what_a_killed_process_left_is_gone_after_the_next_write(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    # While it lives its file is its own.
    write_bytes(path, b"first")
    assert path.read_bytes() == b"first" and names(path) == [".results.json.part", "results.json"]
    process.kill()
    process.wait()
    write_bytes(path, b"2nd")
    assert path.read_bytes() == b"2nd" and names(path) == ["results.json"]


def test_many_writers_leave_one_whole_content(path: Path) -> None:
    contents = [bytes([number]) * 20_000 for number in range(8)]

    def write(content: bytes) -> None:
        for _ in range(20):
            write_bytes(path, content)
            assert path.read_bytes() in contents

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents and names(path) == ["results.json"]


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
def test_what_lies_at_its_name_and_is_not_ours_stays(kind: str, path: Path, tmp_path: Path) -> None:
    other, part = tmp_path / "other", tmp_path / ".results.json.part"
    other.write_bytes(b"precious")
    if kind == "link":
        part.symlink_to(other)
    elif kind == "hard link":
        part.hardlink_to(other)
    elif kind == "pipe":
        os.mkfifo(part)
    else:
        part.mkdir()
    write_bytes(path, b"content")
    assert path.read_bytes() == b"content" and other.read_bytes() == b"precious"
    assert names(path) == [".results.json.part", "other", "results.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_nothing(error: type[BaseException], path: Path) -> None:
    with pytest.raises(error), unfinished(path):
        raise error
    assert names(path) == []


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        write_bytes(tmp_path / "file" / "x", b"")


def test_modes_are_as_of_any_new_file(path: Path) -> None:
    write_bytes(path, b"x")
    plain = path.with_name("plain")
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
