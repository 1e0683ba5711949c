"""Which code made a result: hw4's own commit or none, and the wheel with its hash."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hw4.core.provenance import checkout_of, provenance, wheel_of

OURS = '[project]\nname = "hw4"\n'
THEIRS = '[project]\nname = "thesis"\n'


def commit_all(root: Path) -> None:
    git = ("git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "all"]):
        subprocess.run([*git, *words], check=True)


def package_in(folder: Path) -> Path:
    package = folder / "hw4"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    return package


def test_a_checkout_of_hw4_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(OURS)
    package = package_in(tmp_path)
    assert checkout_of(package) is None
    commit_all(tmp_path)
    # As within a git hook of another repository.
    other = tmp_path / "other"
    other.mkdir()
    commit_all(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert checkout_of(package) == tmp_path.resolve()


@pytest.mark.parametrize("place", [".venv/lib/site-packages", "vendor", "."])
@pytest.mark.parametrize("tracked", [True, False])
def test_a_users_repository_is_not_ours(tmp_path: Path, place: str, tracked: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(THEIRS)
    package = package_in(tmp_path / place)
    if not tracked:
        (tmp_path / ".gitignore").write_text("hw4\n.venv\n")
    commit_all(tmp_path)
    assert checkout_of(package) is None


def installed(folder: Path, direct_url: str | None) -> Path:
    package = package_in(folder)
    about = folder / "hw4-9.8.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hw4\nVersion: 9.8\n")
    (about / "WHEEL").write_text("Wheel-Version: 1.0\n")
    (about / "RECORD").write_text("hw4/__init__.py,,\nhw4/a.pyc,,\nhw4-9.8.dist-info/METADATA,,\n")
    if direct_url is not None:
        (about / "direct_url.json").write_text(direct_url)
    return package


@pytest.mark.parametrize(
    ("direct_url", "sha256"),
    [
        (json.dumps({"archive_info": {"hashes": {"sha256": "ab12"}}, "url": "file:///a.whl"}), "ab12"),
        (json.dumps({"archive_info": {"hash": "sha256=ab12"}, "url": "file:///a.whl"}), "ab12"),
        (json.dumps({"dir_info": {}, "url": "file:///src"}), None),
        ("{", None),
        (None, None),
    ],
)
def test_an_installed_package_has_its_wheel(
    direct_url: str | None, sha256: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = installed(tmp_path / "site", direct_url)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    wheel = wheel_of(package)
    assert wheel is not None and (wheel["version"], wheel["sha256"]) == ("9.8", sha256)
    again = wheel_of(package)
    (package / "__init__.py").write_text("edited = True")
    edited = wheel_of(package)
    assert again == wheel and edited is not None and edited["content"] != wheel["content"]


def test_another_copy_on_the_path_is_not_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "site", None)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    assert wheel_of(package_in(tmp_path / "source")) is None
    assert provenance()["wheel"] is None
