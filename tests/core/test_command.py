"""A command is told apart from what comes after it in the same process."""

import os
import subprocess
import sys
import time

import pytest

from hw4.core.command import STARTED, command_runs, command_started


def test_a_command_and_its_processes_know_when_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STARTED, raising=False)
    assert command_started() is None
    before = time.time()
    with command_runs():
        began = command_started()
        assert began is not None and before <= began <= time.time()
        code = "from hw4.core.command import *\nwith command_runs(): print(command_started())"
        inner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert float(inner.stdout) == began
    assert STARTED not in os.environ


def test_what_is_no_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STARTED, "yesterday")
    assert command_started() is None
