"""Processes that answer calls: none is left behind, and one that dies takes only its own call along."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from hw4.core.cores import usable_cores
from hw4.core.errors import UserError
from hw4.core.workers import WorkerKilled, Workers
from tests.support.calls import doubling, dying, sleeping, unable


def outcome(future: "Future[Any]") -> Any:
    try:
        return future.result()
    except Exception as error:
        return type(error).__name__, str(error)


def test_answers_and_errors_are_those_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setattr("hw4.core.cores.usable_cores", lambda: 6)
    with Workers(2, doubling, 1) as workers:
        calls = [workers.submit(what) for what in (0, 1, "mend", "die", "fussy", 2, 3, "environment")]
        *found, environment = map(outcome, calls)
    assert found == [
        1,
        3,
        ("UserError", "mend it"),
        # Another process stands in for it.
        ("WorkerKilled", "SIGKILL"),
        ("RuntimeError", "Fussy: ab"),
        5,
        7,
    ]
    # Each has its share, and fewer threads where the caller wants fewer.
    assert environment["HW4_CORES"] == environment["OPENBLAS_NUM_THREADS"] == "3"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_what_goes_wrong_before_the_first_call_is_told_apart() -> None:
    with Workers(1, unable) as workers, pytest.raises(UserError, match="nothing to make it of"):
        workers.submit().result()
    with Workers(1, dying) as workers, pytest.raises(WorkerKilled, match="exit status 3") as killed:
        workers.submit().result()
    assert not killed.value.started


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def _alive(process: int) -> bool:
    try:
        # Of a process that nobody has asked for its status since.
        return b") Z " not in Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False


def test_closing_does_not_wait_for_calls(tmp_path: Path) -> None:
    with Workers(2, sleeping, tmp_path) as workers:
        calls = [workers.submit() for _ in range(3)]
        _until(lambda: len(list(tmp_path.iterdir())) == 2)
    assert all(call.done() for call in calls)
    assert not any(_alive(int(path.name)) for path in tmp_path.iterdir())


SCRIPT = """
import sys
from pathlib import Path
from hw4.core.workers import Workers
from hw4.launch.signals import end_with_exceptions
from tests.support.calls import sleeping
end_with_exceptions()
with Workers(2, sleeping, Path(sys.argv[1])) as workers:
    calls = [workers.submit() for _ in range(2)]
    calls[0].result()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_whoever_started_it(tmp_path: Path, number: signal.Signals) -> None:
    caller = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stderr=subprocess.DEVNULL)
    _until(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert all(map(_alive, workers))
    caller.send_signal(number)
    assert caller.wait(30) != 0
    _until(lambda: not any(map(_alive, workers)))


def test_cores_may_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HW4_CORES", raising=False)
    here = usable_cores()
    assert here == len(os.sched_getaffinity(0))
    monkeypatch.setenv("HW4_CORES", "1")
    assert usable_cores() == 1
    monkeypatch.setenv("HW4_CORES", "100000")
    assert usable_cores() == here
    monkeypatch.setenv("HW4_CORES", "all")
    with pytest.raises(UserError, match="HW4_CORES=all must be a number"):
        usable_cores()
