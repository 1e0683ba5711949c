"""How the program ends when it is told to: Ctrl-C and SIGTERM, one sentence each, at any moment.

Without a slow import: it is in force before anything else is loaded.
"""

import os
import signal
import sys
from types import FrameType

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


def end_with_exceptions() -> None:
    """During the work: KeyboardInterrupt, `Terminated`. A second SIGTERM ends a program that is held up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


def say(number: int) -> int:
    """Print the sentence for a signal; returns the exit status."""
    print(_WORDS[signal.Signals(number)], file=sys.stderr, flush=True)
    return status_of(number)


def _exit(number: int, frame: FrameType | None) -> None:
    os._exit(say(number))


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _exit)
    raise Terminated
