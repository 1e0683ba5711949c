"""The files from which others install: the lock, the image, conda's environment, make's setup."""

import re
import sys
from collections.abc import Iterable

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
Asked = tuple[str, frozenset[str], SpecifierSet, str | None]


def asked(extra: str | None, requirements: Iterable[str]) -> set[Asked]:
    """Name, extras and versions of each requirement, and the extra of ours that it stands in."""
    parsed = [Requirement(text) for text in requirements]
    return {(canonicalize_name(r.name), frozenset(r.extras), r.specifier, extra) for r in parsed}


def extras_in(text: str) -> list[str]:
    """What stands in the brackets of every `.[...]` that is installed."""
    return [name for names in re.findall(r"(?<![\w/])\.\[([\w,-]+)\]", text) for name in names.split(",")]


def test_the_lock_is_of_these_dependencies() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (ours,) = [package for package in lock["package"] if package["name"] == PROJECT["name"]]
    locked = set()
    for entry in ours["metadata"]["requires-dist"]:
        extra = re.search(r"extra == '(\w+)'", entry.get("marker", ""))
        versions = SpecifierSet(entry.get("specifier", ""))
        name, of_it = entry["name"], frozenset(entry.get("extras", ()))
        locked.add((name, of_it, versions, extra[1] if extra else None))
    wanted = asked(None, PROJECT["dependencies"])
    wanted |= {one for extra, texts in EXTRAS.items() for one in asked(extra, texts)}
    assert locked == wanted, "`uv lock` brings uv.lock up to date"
    assert SpecifierSet(lock["requires-python"]) == SpecifierSet(PROJECT["requires-python"])
    # Not from a mirror that others do not have.
    sources = {package["source"].get("registry") for package in lock["package"]}
    assert sources == {None, "https://pypi.org/simple"}


@pytest.mark.parametrize("name", ["Dockerfile", "environment.yml", "docs/install.md"])
def test_extras_that_are_installed_exist(name: str) -> None:
    found = extras_in((ROOT / name).read_text())
    assert found and set(found) <= EXTRAS.keys()


def test_the_extras_of_make_setup_exist() -> None:
    line = re.search(r"^EXTRAS \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line and set(line[1].split(",")) <= EXTRAS.keys()


def test_conda_takes_a_python_that_hw4_supports() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (python,) = [d for d in environment["dependencies"] if isinstance(d, str) and d.startswith("python=")]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


def test_the_image_is_built_with_what_the_build_reads() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    read = ["pyproject.toml", "setup.py", PROJECT["readme"], *PROJECT["license-files"], "hw4", "conf"]
    assert "COPY . ." in (ROOT / "Dockerfile").read_text()
    assert [name for name in read if name in left_out or not (ROOT / name).exists()] == []
