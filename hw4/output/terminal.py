"""The console that tables and progress go to."""

import os
import sys

from rich.console import Console

LOG_WIDTH = 120


def make_console() -> Console:
    """A console on standard output; in a log file or a pipe, tables get a width of their own.

    Text is printed as it is: a path with ``[b]`` in it is no markup.
    """
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return Console(markup=False)
    return Console(width=LOG_WIDTH, markup=False)
