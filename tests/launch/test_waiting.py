"""OpenMP's waiting threads sleep in every command, unless the caller wants them to spin."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hw4.core.provenance import provenance
from tests.support.paths import ROOT

# The last word is whether OpenMP has been loaded by then, and so read it.
TELL = "import os, sys; from hw4.__main__ import main; sys.argv = ['hw4', '--version']\ntry: main()\n"
TELL += "except SystemExit: print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_command_sets_what_the_caller_has_not(given: str | None, expected: str, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"OMP_WAIT_POLICY": given} if given else {})
    done = subprocess.run(
        [sys.executable, "-c", TELL], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.stdout.splitlines()[-1] == f"{expected} False", done.stderr


def test_a_library_leaves_the_environment_alone() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    tell = "import os, hw4, hw4.core.provenance; print(os.environ.get('OMP_WAIT_POLICY'))"
    done = subprocess.run(
        [sys.executable, "-c", tell], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.stdout.strip() == "None", done.stderr


def test_a_result_says_how_its_threads_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads = provenance()["threads"]
    assert (threads["OMP_WAIT_POLICY"], threads["OMP_NUM_THREADS"]) == ("PASSIVE", None)
    assert threads["usable_cores"] == len(os.sched_getaffinity(0))
