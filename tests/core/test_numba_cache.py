"""Kernels compile where neither the installation nor the home can be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hw4.core import numba_cache

PACKAGE = str(Path(numba_cache.__file__).parents[1])


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Package and home below a file: root cannot write there either."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(numba_cache, "_PACKAGE", tmp_path / "file" / "hw4")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    # So that monkeypatch removes what the code sets.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return tmp_path


def test_a_private_folder_is_given_where_there_is_none(nowhere: Path) -> None:
    numba_cache.ensure_numba_cache()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder == nowhere / f"hw4-numba-{os.getuid()}" and folder.stat().st_mode & 0o077 == 0
    os.environ.pop("NUMBA_CACHE_DIR")
    folder.chmod(0o777)
    numba_cache.ensure_numba_cache()
    # Others could have put files there.
    assert Path(os.environ["NUMBA_CACHE_DIR"]) != folder


def test_what_works_or_was_chosen_stays(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NUMBA_CACHE_DIR", "chosen")
    numba_cache.ensure_numba_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "chosen"
    del os.environ["NUMBA_CACHE_DIR"]
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(nowhere / "home" / "not" / "yet"))
    numba_cache.ensure_numba_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ and not (nowhere / "home").exists()


@pytest.mark.slow
def test_a_kernel_compiles_in_a_copy_that_cannot_be_written(tmp_path: Path) -> None:
    """In a process whose numba finds no folder but the one that importing hw4 gives it."""
    (tmp_path / "file").write_text("")
    code = f"""
import os
allowed = os.access
os.access = lambda path, mode: not str(path).startswith({PACKAGE!r}) and allowed(path, mode)
import hw4, numba
from numba.core import caching
def refuse(self):
    raise OSError()
caching.InTreeCacheLocator.ensure_cache_path = refuse
@numba.njit(cache=True)
def twice(x):
    return 2 * x
print(twice(21), os.environ.get("NUMBA_CACHE_DIR"))
"""
    script = tmp_path / "kernel.py"
    script.write_text(code)
    blocked = {
        "XDG_CACHE_HOME": str(tmp_path / "file" / "home"),
        "TMPDIR": str(tmp_path),
        "HOME": "/proc/none",
    }
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | blocked
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["42", f"{tmp_path}/hw4-numba-{os.getuid()}"], done.stderr
