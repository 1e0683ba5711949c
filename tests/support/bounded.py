"""Code that may hang, crash or take all memory, run in a process of its own."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest


def run_bounded(work: Callable[[], None], seconds: int, gigabytes: float, about: Path) -> None:
    """Run it in a fork of this process, and fail the test with what went wrong there.

    Args:
        work: calls `in_time` again and again; whatever it raises is the failure.
        seconds: that may pass between two such calls, in C too, where no handler of Python's would run.
        gigabytes: of address space, beyond what the process has.
        about: named by the failure where the process died: what it worked on last.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        status = 1
        try:
            _limit(gigabytes)
            in_time(seconds)
            work()
            status = 0
        except BaseException:
            os.write(writer, traceback.format_exc().encode("utf-8", "replace")[-20_000:])
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read().decode()
    _, state = os.waitpid(child, 0)
    if os.WIFSIGNALED(state):
        number = signal.Signals(os.WTERMSIG(state))
        what = f"more than {seconds} s" if number == signal.SIGALRM else f"died of {number.name}"
        pytest.fail(f"{what}: {[(path.name, path.read_bytes()[:3000]) for path in sorted(about.iterdir())]}")
    if state:
        pytest.fail(said, pytrace=False)


def in_time(seconds: int) -> None:
    """From now on that many seconds."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def _limit(gigabytes: float) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
