"""Upstream's sources come out of the one wheel that is known, whole or not at all, and nothing else does."""

import subprocess
import sys
from pathlib import Path

import pytest

from hw4.core.errors import UserError
from hw4.models.network import sources
from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.sources import FOLDER, obtain, sources_folder, unpack
from hw4.models.wheel import Wheel
from tests.support.wheels import SOURCES, make_wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is pip's only source, and an empty folder for sources."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in (
        ("PIP_NO_INDEX", "1"),
        ("PIP_FIND_LINKS", str(folder)),
        ("PIP_CONFIG_FILE", "/dev/null"),
        (FOLDER, str(tmp_path / "upstream")),
    ):
        monkeypatch.setenv(name, value)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def no_pip(*_: object, **__: object) -> None:
    raise AssertionError("pip was asked")


def test_pip_fetches_it_once(
    index: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wheel = make_wheel(index)
    # What a killed run leaves.
    (sources_folder(wheel).parent / ".fetching-0" / "sources").mkdir(parents=True)
    folder = obtain(wheel)
    assert folder == sources_folder(wheel) and folder.name == f"painter-1.0-{wheel.sha256[:12]}"
    assert files(folder) == SOURCES
    assert "fetching the wheel painter 1.0 with pip" in caplog.text
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}

    monkeypatch.setattr(subprocess, "run", no_pip)
    assert obtain(wheel) == folder


def test_without_a_network_it_is_one_sentence(index: Path) -> None:
    wheel = make_wheel(index)
    (index / "painter-1.0-py3-none-any.whl").unlink()
    with pytest.raises(UserError) as refused:
        obtain(wheel)
    said = str(refused.value)
    assert "packages painter, shapes are not on this machine" in said and "No matching distribution" in said
    assert "python -m hw4.models.fetch" in said and "\n" not in said
    assert not sources_folder(wheel).exists()


def test_another_file_of_that_name_is_not_used(index: Path) -> None:
    wheel = make_wheel(index, sha256="0" * 64)
    with pytest.raises(UserError, match="cannot be fetched"):
        obtain(wheel)
    assert not sources_folder(wheel).exists()


def test_to_fetch_leaves_what_compilers_need() -> None:
    """setuptools replaces distutils, unless somebody has looked for pip's module."""
    pytest.importorskip("setuptools")
    code = (
        "import _distutils_hack, sys\n"
        "from hw4.models.network.sources import _has_pip\n"
        "assert _has_pip()\n"
        "import setuptools, distutils\n"
        "assert '_distutils' in distutils.__file__, distutils.__file__\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_pip_it_says_how_to_get_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(index)
    monkeypatch.setattr(sources.metadata, "distributions", lambda **_: iter(()))
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="there is no pip: python -m ensurepip brings it"):
        obtain(wheel)


def test_the_hash_is_checked_before_anything_is_unpacked(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, sha256="0" * 64)
    into = tmp_path / "into"
    with pytest.raises(UserError, match="is not the known one"):
        unpack(tmp_path / "painter-1.0-py3-none-any.whl", wheel, into)
    assert not into.exists()


@pytest.mark.parametrize(
    "name",
    [
        "painter/../../evil.py",
        "painter//evil.py",
        "painter/..\\evil.py",
        "painter/c:evil.py",
        "painter/./evil.py",
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path, {name: "evil"})
    with pytest.raises(UserError, match="is no file of a wheel"):
        unpack(tmp_path / "painter-1.0-py3-none-any.whl", wheel, tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("*evil*"))


def test_a_wheel_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGEST", 50)
    with pytest.raises(UserError, match="refused"):
        unpack(tmp_path / "painter-1.0-py3-none-any.whl", make_wheel(tmp_path), tmp_path / "into")


def test_a_wheel_without_its_packages_is_refused(tmp_path: Path) -> None:
    made = make_wheel(tmp_path)
    wheel = Wheel("painter", "1.0", made.sha256, {"painter": "model.py", "brush": "hair.py"})
    with pytest.raises(UserError, match=r"does not have brush/hair\.py"):
        unpack(tmp_path / "painter-1.0-py3-none-any.whl", wheel, tmp_path / "into")


def test_a_folder_that_cannot_be_written_is_named(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file" / "upstream"))
    with pytest.raises(UserError, match="file/upstream") as refused:
        obtain(make_wheel(index))
    assert FOLDER in str(refused.value)


def test_fetching_what_is_there_is_quiet() -> None:
    done = subprocess.run([sys.executable, "-m", "hw4.models.fetch"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert INSTANTSPLAT.platform != "any"
