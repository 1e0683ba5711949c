"""A command settles its libraries' threads, unless the caller has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hw4.core.provenance import provenance
from tests.support.paths import ROOT

# The last word is whether anything has read the settings by then.
TELL = """
import os, sys
from hw4.__main__ import main
sys.argv = ["hw4", "--version"]
try:
    main()
except SystemExit:
    print(*(os.environ.get(name) for name in NAMES), bool({"torch", "numpy"} & sys.modules.keys()))
"""
NAMES = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")


def printed(code: str, given: dict[str, str], folder: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in (*NAMES, "OMP_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", f"{NAMES = }\n{code}"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **given},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "PASSIVE 1"),
        ({"OMP_WAIT_POLICY": "ACTIVE", "OPENBLAS_NUM_THREADS": "3"}, "ACTIVE 3"),
        ({"OMP_NUM_THREADS": "2"}, "PASSIVE None"),
    ],
)
def test_the_command_sets_what_the_caller_has_not(
    given: dict[str, str], expected: str, tmp_path: Path
) -> None:
    assert printed(TELL, given, tmp_path) == f"{expected} False"


def test_a_library_leaves_the_environment_alone(tmp_path: Path) -> None:
    tell = "import os, hw4, hw4.core.provenance; print(*(os.environ.get(name) for name in NAMES))"
    assert printed(tell, {}, tmp_path) == "None None"


def test_a_result_says_how_its_threads_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads = provenance()["threads"]
    assert (threads["OMP_WAIT_POLICY"], threads["OMP_NUM_THREADS"]) == ("PASSIVE", None)
    assert threads["usable_cores"] == len(os.sched_getaffinity(0))
