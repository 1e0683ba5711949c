"""Functions for worker processes; nothing here is slow to import."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from hw4.core.errors import UserError


class Fussy(Exception):
    """Cannot be pickled."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def doubling(offset: int) -> Callable[[object], object]:
    def call(what: object) -> object:
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "environment":
            return dict(os.environ)
        if what == "mend":
            raise UserError("mend it")
        if what == "fussy":
            raise Fussy("a", "b")
        assert isinstance(what, int)
        # The first calls end last.
        time.sleep(0.02 * max(0, 3 - what))
        return 2 * what + offset

    return call


def unable() -> Callable[[], None]:
    raise UserError("there is nothing to make it of")


def dying() -> Callable[[], None]:
    raise SystemExit(3)


def sleeping(folder: Path) -> Callable[[], None]:
    def call() -> None:
        (folder / str(os.getpid())).touch()
        time.sleep(600)

    return call
