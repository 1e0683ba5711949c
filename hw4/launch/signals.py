"""How the program ends when it is told to: Ctrl-C and SIGTERM, one sentence each, at any moment.

Without a slow import: it is in force before anything else is loaded.
"""

import _thread
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

# Seconds to put open work away in; clusters give 30 before they kill.
GRACE_S = 60.0
AGAIN = "run the same command again to continue where it stopped."
_WORDS = {signal.SIGINT: f"\ninterrupted; {AGAIN}", signal.SIGTERM: f"hw4: ended by SIGTERM; {AGAIN}"}


class Terminated(BaseException):
    """SIGTERM: like KeyboardInterrupt it passes whatever handles errors, so that open work is put away."""


def status_of(number: int) -> int:
    """The exit status of a program that a signal ended."""
    return 128 + number


def end_at_once() -> None:
    """Before and after the work, when nothing has to be put away: say the sentence and exit."""
    for number in _WORDS:
        signal.signal(number, _exit)


def end_in_peace() -> None:
    """At the very end, when all is written: Python takes its handlers away before it is gone itself."""
    for number in _WORDS:
        signal.signal(number, signal.SIG_IGN)


def end_with_exceptions() -> None:
    """During the work: KeyboardInterrupt, `Terminated`, and the end at the latest `GRACE_S` afterwards.

    A second SIGTERM ends a program that is held up.
    """
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)


def say(number: int) -> int:
    """Print the sentence for a signal; returns the exit status."""
    print(_WORDS[signal.Signals(number)], file=sys.stderr, flush=True)
    return status_of(number)


def _exit(number: int, frame: FrameType | None) -> None:
    os._exit(say(number))


def _interrupt(number: int, frame: FrameType | None) -> None:
    _end_anyway(number)
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _exit)
    _end_anyway(number)
    raise Terminated


def _end_anyway(number: int) -> None:
    """The exception may break off what holds a lock that another thread needs, which is then waited for."""

    def wait() -> None:
        time.sleep(GRACE_S)
        os._exit(say(number))

    # Where there is no thread to be had the exception has to do.
    with suppress(RuntimeError):
        _thread.start_new_thread(wait, ())
