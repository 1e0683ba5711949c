"""The command that this process belongs to: what one of its jobs found out, later ones need not ask."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

STARTED = "HW4_STARTED"
# By what it is, the key it has and the answer: the last one of each, for jobs that follow each other.
_FOUND: ContextVar[dict[str, tuple[object, Any]] | None] = ContextVar("found by the command", default=None)


@contextmanager
def command_runs() -> Iterator[None]:
    """While it is entered a command runs; processes that it starts inherit when it began."""
    outermost = STARTED not in os.environ
    if outermost:
        os.environ[STARTED] = str(time.time())
    found = _FOUND.set({})
    try:
        yield
    finally:
        _FOUND.reset(found)
        if outermost:
            os.environ.pop(STARTED, None)


def once_a_command(what: str, key: object, find: Callable[[], T]) -> T:
    """What `find` gives; what it gave for an equal key in this command, unless for another one since.

    Outside of a command, and in a thread of its own, it is always found anew.
    """
    found = _FOUND.get()
    if found is None:
        return find()
    known = found.get(what)
    if known is None or known[0] != key:
        known = found[what] = key, find()
    answer: T = known[1]
    return answer


def command_started() -> float | None:
    """In seconds since 1970; None outside of a command, as in a notebook."""
    try:
        return float(os.environ[STARTED])
    except (KeyError, ValueError):
        return None
