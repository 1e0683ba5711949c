"""When the command began that this process belongs to: what a job found out, later ones need not ask."""

import os
import time

STARTED = "HW4_STARTED"


def mark_start() -> None:
    """Note that a command begins; processes that it starts inherit it."""
    os.environ.setdefault(STARTED, str(time.time()))


def command_started() -> float | None:
    """In seconds since 1970; None outside of a command, as in a notebook."""
    try:
        return float(os.environ[STARTED])
    except (KeyError, ValueError):
        return None
