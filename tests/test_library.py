"""`import hw4`: every name it promises is there, and nothing is imported before it is used."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import hw4

SLOW = ("torch", "hydra", "omegaconf", "numpy", "scipy", "cv2", "pycolmap", "numba", "matplotlib", "wandb")


@pytest.mark.parametrize("name", hw4.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(hw4, name).__name__ == name and name in dir(hw4)


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="recons"):
        hw4.recons  # noqa: B018


def test_the_import_is_fast() -> None:
    code = f"import sys, hw4; sys.exit(any(name in sys.modules for name in {SLOW!r}))"
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        best = min(best, time.perf_counter() - started)
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True)
    assert best - (time.perf_counter() - bare) < 0.1


def test_the_package_is_typed() -> None:
    assert (Path(hw4.__file__).parent / "py.typed").is_file()
