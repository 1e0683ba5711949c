"""Only files are read: whoever opens a pipe or a device may wait for ever, or read without end."""

import errno
import os
import stat
from pathlib import Path


def regular(path: Path) -> Path:
    """The path itself, if a regular file is there, to be opened in the same line.

    Raises:
        OSError: nothing is there, or something else than a file.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    return path


def is_still(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at a path: it may have been renamed or removed since."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False
