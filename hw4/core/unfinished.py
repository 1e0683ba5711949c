"""The file that new content is written to before it takes its place, and that a killed process leaves behind.

It has one name, ``.<name>.part``, and is locked while somebody writes it: whoever writes the same file next
takes over what a dead process left, and nothing has to be searched for.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hw4.core.regular import is_still


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[tuple[int, Path]]:
    """An empty file beside `path`, open for writing: its handle and its name.

    It is removed unless it was renamed. Where another process writes the same file at this moment, or the
    file system knows no locks, it has a name of its own.

    Raises:
        OSError: no file can be made there.
    """
    temporary = path.with_name(f".{path.name}.part")
    handle = _claimed(temporary)
    if handle is None:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
    try:
        yield handle, temporary
    finally:
        # Once it was renamed another process may write one of the same name.
        with contextlib.suppress(OSError):
            if is_still(handle, temporary):
                temporary.unlink()
        os.close(handle)


def _claimed(temporary: Path) -> int | None:
    """The handle of that file, emptied and locked; None where it is not to be had."""
    while True:
        try:
            # A link or a pipe that somebody laid there is not followed or waited for.
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                os.close(handle)
                return None
            if is_still(handle, temporary):
                os.ftruncate(handle, 0)
                return handle
        except OSError:
            os.close(handle)
            return None
        # Its writer renamed it between our opening and locking it.
        os.close(handle)
