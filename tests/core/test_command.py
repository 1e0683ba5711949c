"""A command is told apart from what comes after it in the same process."""

import os
import subprocess
import sys
import time

import pytest

from hw4.core.command import STARTED, command_runs, command_started, once_a_command


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


def test_what_a_job_found_is_not_looked_for_again_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STARTED, raising=False)
    looked: list[str] = []

    def find(key: str, what: str = "samples") -> str:
        return once_a_command(what, key, lambda: looked.append(key) or f"{what} of {key}")  # type: ignore[func-returns-value]

    # Outside of a command files may have changed since.
    assert find("a") == find("a") == "samples of a" and looked == ["a", "a"]
    with command_runs():
        looked.clear()
        assert find("a") == find("a") == "samples of a" and looked == ["a"]
        assert find("a", "frames") == "frames of a" and looked == ["a", "a"]
        # One of each is kept: more would fill the memory.
        assert [find("b"), find("b"), find("a")] == ["samples of b", "samples of b", "samples of a"]
        assert looked == ["a", "a", "b", "a"]
    with command_runs():
        assert find("a") == "samples of a" and looked[-2:] == ["a", "a"]
