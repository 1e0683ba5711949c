"""A file is its content: hashed once, remembered between processes, and never taken for another."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hw4.core import fingerprint
from hw4.core.errors import UserError
from hw4.core.fingerprint import content_of, digest, file_digest, file_digests

YESTERDAY = time.time() - 86_400


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read, and a clock a day ahead: what was written just now is old."""
    read: list[Path] = []
    plain = fingerprint._hashed

    def watched(path: Path) -> str | OSError:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(fingerprint, "_hashed", watched)
    monkeypatch.setattr(fingerprint.time, "time", lambda: YESTERDAY + 2 * 86_400)
    return read


def memory(home: Path) -> dict[str, str]:
    return dict(json.loads((home / "hw4" / "fingerprints.json").read_text()))


def test_values_that_are_equal_have_one_digest() -> None:
    assert digest({"a": 1, "b": [1.5, None]}) == digest({"b": [1.5, None], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5}) and len(digest(None)) == 20


def test_a_file_is_remembered_by_where_it_really_lies(
    tmp_path: Path, home: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    (real / "a.bin").write_bytes(b"a")
    (real / "b.bin").symlink_to("a.bin")
    link.symlink_to("real")
    monkeypatch.chdir(real)
    ways = [real / "a.bin", link / "a.bin", real / "b.bin", Path("a.bin")]
    for way in ways:
        assert file_digest(way) == hashlib.sha256(b"a").hexdigest()
    assert hashed == ways[:1]
    assert [key.split("|")[0] for key in memory(home)] == [str((real / "a.bin").resolve())]


def test_a_file_is_hashed_once(tmp_path: Path, home: Path, hashed: list[Path]) -> None:
    files = [tmp_path / f"{number}.bin" for number in range(3)]
    for number, path in enumerate(files):
        path.write_bytes(bytes([number]) * 3_000_000)
    expected = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert file_digests(files) == expected and sorted(hashed) == files
    assert file_digests(files) == expected and file_digest(files[1]) == expected[files[1]]
    assert len(hashed) == 3 and len(memory(home)) == 3


def test_many_files_are_remembered_in_one_write(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    plain = fingerprint.write_text
    monkeypatch.setattr(fingerprint, "write_text", lambda *args: (writes.append(1), plain(*args)))
    files = [tmp_path / str(number) for number in range(50)]
    for path in files:
        path.write_text(path.name)
    file_digests(files)
    file_digests(files)
    assert len(writes) == 1


def test_a_changed_byte_is_seen_even_where_size_and_time_are_kept(tmp_path: Path, hashed: list[Path]) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"one")
    before, status = file_digest(path), path.stat()
    # The file system's clock ticks some 250 times a second.
    time.sleep(0.05)
    path.write_bytes(b"two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert file_digest(path) == hashlib.sha256(b"two").hexdigest() != before


def test_what_was_written_just_now_is_not_remembered(tmp_path: Path, home: Path) -> None:
    """Within a tick of the file system's clock a second write would show the same time."""
    path = tmp_path / "photo.png"
    for content in (b"one", b"two"):
        path.write_bytes(content)
        assert file_digest(path) == hashlib.sha256(content).hexdigest()
    assert not (home / "hw4").exists()


def test_a_folder_is_the_same_wherever_it_lies(tmp_path: Path, hashed: list[Path]) -> None:
    root, outside = tmp_path / "here", tmp_path / "elsewhere.png"
    (root / "images").mkdir(parents=True)
    outside.write_bytes(b"outside")
    for name in ("pairs.txt", "images/a.png"):
        (root / name).write_text(name)
    names = ["pairs.txt", "images/a.png", "../elsewhere.png", "missing"]
    found = content_of(root, [root / name for name in names])
    assert [name for name, _ in found] == ["../elsewhere.png", "images/a.png", "pairs.txt"]
    copied = Path(shutil.copytree(root, tmp_path / "there"))
    assert content_of(copied, [copied / name for name in names]) == found
    (copied / "images" / "a.png").rename(copied / "images" / "b.png")
    assert content_of(copied, copied.glob("*/*")) != content_of(root, root.glob("*/*"))


def test_what_cannot_be_read_is_none_or_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("")
    assert file_digests([tmp_path / "none", tmp_path]) == {tmp_path / "none": None, tmp_path: None}
    with pytest.raises(
        UserError, match=r"cannot read the file .*none: No such file.*; let the file be read\."
    ):
        file_digest(tmp_path / "none")


@pytest.mark.parametrize("harm", ["file", "nonsense", "list"])
def test_a_home_that_cannot_be_used_is_done_without(tmp_path: Path, home: Path, harm: str) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    os.utime(path, (YESTERDAY, YESTERDAY))
    if harm == "file":
        home.write_text("no folder")
    else:
        (home / "hw4").mkdir(parents=True)
        (home / "hw4" / "fingerprints.json").write_text("[1]" if harm == "list" else "{")
    assert file_digest(path) == hashlib.sha256(b"x").hexdigest()


def test_without_a_home_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    (tmp_path / "x").write_text("x")
    assert file_digest(tmp_path / "x") == hashlib.sha256(b"x").hexdigest()


def test_processes_remember_together(tmp_path: Path, home: Path) -> None:
    """None loses what another has remembered, whoever writes last."""
    code = (
        "import sys; from pathlib import Path; from hw4.core import fingerprint; fingerprint.CLOCK = -1.0; "
        "[fingerprint.file_digest(path) for path in sorted(Path(sys.argv[1]).iterdir())]"
    )
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        for number in range(10):
            (folder / str(number)).write_text(f"{folder} {number}")
    running = [subprocess.Popen([sys.executable, "-c", code, folder]) for folder in folders]
    assert [process.wait() for process in running] == [0, 0]
    assert len(memory(home)) == 20


def test_the_memory_does_not_grow_for_ever(
    tmp_path: Path, home: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "MAX_REMEMBERED", 3)
    for number in range(5):
        path = tmp_path / str(number)
        path.write_text(str(number))
        file_digest(path)
    assert [key.split("|")[0][-1] for key in memory(home)] == ["2", "3", "4"]
