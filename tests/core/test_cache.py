"""The folders of a cache: found by their names, kept while in use, the least recently used first to go."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hw4.core import cache
from hw4.core.cache import MARK, entries, limit, remove, sweep, using
from hw4.core.durable import exclusive
from tests.support.paths import ROOT

HOLDING = """
import sys, time
from pathlib import Path
from hw4.core.cache import using
with using(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def make_entry(root: Path, stage: str, number: int, size: int = 1000, used: float | None = None) -> Path:
    folder = root / stage / f"{number:020x}"
    with using(folder):
        (folder / "result").write_bytes(b"x" * size)
    os.utime(folder / MARK, None if used is None else (used, used))
    return folder


def test_only_folders_that_are_named_by_an_address_are_entries(tmp_path: Path) -> None:
    entry = make_entry(tmp_path, "pose", 1, used=5.0)
    for other in ("pose/my photos", "results", f"pose/{'g' * 20}", f"{'0' * 20}/x"):
        (tmp_path / other).mkdir(parents=True)
    (tmp_path / "pose" / f"{2:020x}").symlink_to(tmp_path / "results")
    (found,) = entries(tmp_path)
    assert (found.folder, found.stage, found.n_bytes, found.used) == (entry, "pose", 1000, 5.0)
    assert entries(tmp_path / "nowhere") == []


def test_the_least_recently_used_goes(tmp_path: Path) -> None:
    old, new, newest = (make_entry(tmp_path, "pose", n, used=100.0 * n) for n in (1, 2, 3))
    with using(old):
        pass
    assert [entry.folder for entry in limit(tmp_path, 2000)] == [new]
    assert old.is_dir() and newest.is_dir() and not new.exists()
    assert limit(tmp_path, 2000) == []


def test_spared_stages_stay_and_do_not_count(tmp_path: Path) -> None:
    weights, result = make_entry(tmp_path, "pretrain", 1), make_entry(tmp_path, "pose", 2)
    assert limit(tmp_path, 1500, spare=("pretrain",)) == []
    assert [entry.folder for entry in limit(tmp_path, 0, spare=("pretrain",))] == [result]
    assert weights.is_dir()


def test_what_a_process_uses_stays_until_it_ends(tmp_path: Path) -> None:
    folder = make_entry(tmp_path, "pose", 1)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    (entry,) = entries(tmp_path)
    assert not remove(entry) and limit(tmp_path, 0) == [] and (folder / "result").is_file()
    process.kill()
    process.wait()
    assert remove(entry) and list((tmp_path / "pose").iterdir()) == []


def test_a_lock_anywhere_in_it_keeps_it(tmp_path: Path) -> None:
    folder = make_entry(tmp_path, "pose", 1)
    (entry,) = entries(tmp_path)
    with exclusive(folder / "7"):
        assert not remove(entry)
    assert remove(entry)


def test_whoever_comes_while_it_goes_gets_a_new_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waiting process has opened the mark of the folder that is being removed."""
    folder = make_entry(tmp_path, "pose", 1)
    (entry,) = entries(tmp_path)
    opened, done = threading.Event(), threading.Event()
    flock, rename = cache.fcntl.flock, Path.rename

    def announced(handle: int, how: int) -> None:
        if how == cache.fcntl.LOCK_SH:
            opened.set()
        flock(handle, how)

    def late(path: Path, target: Path) -> Path:
        waiting.start()
        assert opened.wait(10)
        return rename(path, target)

    def use() -> None:
        with using(folder):
            (folder / "new").touch()
            done.set()

    waiting = threading.Thread(target=use)
    monkeypatch.setattr(cache.fcntl, "flock", announced)
    monkeypatch.setattr(Path, "rename", late)
    assert remove(entry)
    waiting.join(10)
    assert done.is_set() and {path.name for path in folder.iterdir()} == {MARK, "new"}


def test_a_removal_that_was_killed_is_finished(tmp_path: Path) -> None:
    left = tmp_path / "pose" / f".gone-{1:020x}-77"
    (left / "clouds").mkdir(parents=True)
    other = tmp_path / "pose" / ".gone-fishing"
    other.mkdir()
    sweep(tmp_path)
    assert not left.exists() and other.is_dir()


def test_a_cache_that_may_not_be_written_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cache.os, "open", refused)
    with using(tmp_path / "pose" / "x"):
        pass
