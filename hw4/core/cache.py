"""The folders that a cache keeps results in, ``<root>/<stage>/<address>``: who uses them, and which go.

Whoever works in such a folder holds a shared lock on a file in it, whose time says when it was used last. The
lock dies with its process; a folder on which it is held is never removed.
"""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from hw4.core.regular import is_still

MARK, LOCK = ".used", ".lock"
# As `hw4.core.fingerprint.digest` makes them; whatever else lies in a cache's folder is not ours to remove.
ADDRESS = re.compile(r"[0-9a-f]{20}")
GONE = re.compile(r"\.gone-[0-9a-f]{20}-\d+")


@dataclass(frozen=True)
class Entry:
    """One folder of a cache.

    Attributes:
        folder: where it lies; its name is the address.
        n_bytes: of all its files.
        used: when it was used last, in seconds since 1970.
    """

    folder: Path
    n_bytes: int
    used: float

    @property
    def stage(self) -> str:
        """Whose results it holds."""
        return self.folder.parent.name


@contextlib.contextmanager
def using(*folders: Path) -> Iterator[None]:
    """Keep folders of a cache from being removed, and note that they are used.

    Where that cannot be noted (a cache that is only read) nothing is; what is wrong with a folder is said by
    whoever writes into it.
    """
    with contextlib.ExitStack() as held:
        for folder in dict.fromkeys(folders):
            with contextlib.suppress(OSError):
                held.callback(os.close, _shared(folder))
        yield


def _shared(folder: Path) -> int:
    """A shared lock on a folder's mark: the handle that holds it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / MARK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # Nobody holds it alone for longer than renaming the folder takes.
            fcntl.flock(handle, fcntl.LOCK_SH)
            os.utime(handle)
            if is_still(handle, folder / MARK):
                return handle
        except BaseException:
            os.close(handle)
            raise
        # The folder was removed in between.
        os.close(handle)


def entries(root: Path) -> list[Entry]:
    """Every folder of results in a cache, the least recently used first."""
    found = []
    with contextlib.suppress(OSError):
        for folder in root.glob("*/*"):
            if ADDRESS.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                found.append(Entry(folder, size_of(folder), _used(folder)))
    return sorted(found, key=lambda entry: entry.used)


def _used(folder: Path) -> float:
    for path in (folder / MARK, folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return time.time()


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; what cannot be looked at counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).lstat().st_size
    return total


def remove(entry: Entry) -> bool:
    """Remove a folder of results; False where a process uses it.

    Raises:
        OSError: it may not be removed.
    """
    folder = entry.folder
    gone = folder.with_name(f".gone-{folder.name}-{os.getpid()}")
    with contextlib.ExitStack() as held:
        # The locks too: whoever uses this project as a library may hold nothing else.
        for path in (folder / MARK, *folder.rglob(f"*{LOCK}")):
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
                held.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except FileNotFoundError:
                # Another process removed it.
                return True
        folder.rename(gone)
    shutil.rmtree(gone)
    return True


def limit(root: Path, max_bytes: float, spare: Collection[str] = ()) -> list[Entry]:
    """Remove the least recently used folders of results until the rest takes no more room than it may.

    Args:
        root: of the cache.
        max_bytes: for everything but the stages to spare.
        spare: stages whose folders stay, whatever they take.

    Returns:
        what was removed; folders in use stay.

    Raises:
        OSError: one may not be removed.
    """
    sweep(root)
    found = [entry for entry in entries(root) if entry.stage not in spare]
    total, removed = sum(entry.n_bytes for entry in found), []
    for entry in found:
        if total <= max_bytes:
            break
        if remove(entry):
            removed.append(entry)
            total -= entry.n_bytes
    return removed


def sweep(root: Path) -> None:
    """Finish removals that a kill cut short."""
    with contextlib.suppress(OSError):
        for folder in root.glob("*/.gone-*"):
            if GONE.fullmatch(folder.name) and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
