"""The wheel holds everything: each module, configuration, template and network, and starts from it."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
TELL = "import json; from hw4.core.provenance import provenance; print(json.dumps(provenance()))"


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_wheel_is_the_whole_package(tmp_path: Path) -> None:
    # A copy: a build leaves folders in the tree that it builds.
    source, installed = tmp_path / "source", tmp_path / "installed"
    for folder in ("hw4", "conf"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
    ]
    done = subprocess.run([*build, str(tmp_path), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Folders of data that are not named as packages: some hundred lines, in everybody's first command.
    assert "Package would be ignored" not in done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(installed)
    expected = files_below(source / "hw4") | {f"conf/{name}" for name in files_below(source / "conf")}
    assert files_below(installed / "hw4") == expected

    command = [sys.executable, "-m", "hw4", "--cfg", "job"]
    printed = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True
    )
    assert printed.returncode == 0 and "iterations: 1000" in printed.stdout, printed.stderr

    # Within somebody's repository, the commit is not ours; the wheel is.
    subprocess.run([*GIT, "init", "-q", str(tmp_path)], check=True)
    subprocess.run([*GIT, "-C", str(tmp_path), "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    command = [sys.executable, "-c", TELL]
    told = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True
    )
    about = json.loads(told.stdout)
    assert about["git_commit"] is None and about["git_dirty"] is None
    assert about["wheel"]["version"] == about["hw4"] and len(about["wheel"]["content"]) == 20
