"""Writes that survive a crash: atomic files, an append-only JSONL log, a lock between processes."""

import contextlib
import errno
import json
import logging
import math
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hw4.core.errors import UserError
from hw4.core.unfinished import unfinished

log = logging.getLogger(__name__)

# Seconds to wait for another process before it is said that one waits.
PATIENCE = 2.0
NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
# Lines that are written together, where nothing is lost with them.
MOST_WAITING = 64
# Of `results.json`: the file, a stage, its lists and metrics.
INDENTED = 3


def _disk_error(path: Path, error: OSError) -> UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = "Free some space, then run the same command again: finished samples are kept."
    else:
        what = "Let that folder be written to, or change the key of the configuration that names it."
    return UserError(f"cannot write {path}: {error.strerror or error}. {what}")


def _sync_folder(folder: Path) -> None:
    """A new name is on disk only when its folder is; some file systems do that by themselves alone."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all (temporary file beside it, fsync, rename).

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(path) as (handle, temporary):
            with os.fdopen(handle, "wb", closefd=False) as file:
                file.write(content)
            os.fsync(handle)
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(handle, 0o666 & ~umask)
            temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _disk_error(path, error) from error


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for UTF-8 text."""
    write_bytes(path, content.encode())


def jsonable(value: Any) -> Any:
    """The value with NaN and infinities as null, and numpy scalars and arrays as plain Python."""
    # First what there is most of.
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        plain = value.tolist()
        kind = value.dtype.kind if hasattr(value, "dtype") and value.size else ""
        # Most are cameras: the largest of them is finite only if all are.
        finite = kind in "iub" or (kind == "f" and math.isfinite(abs(value).max()))
        return plain if kind and finite else jsonable(plain)
    if isinstance(value, Path):
        return str(value)
    return value


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write strict JSON (no NaN), atomically: indented, or in one line.

    What lies more than `INDENTED` levels deep, such as one of many samples, stands in one line.
    """
    plain = jsonable(value)
    if indent is None:
        content = json.dumps(plain, separators=(",", ":"), allow_nan=False)
    else:
        content = _indented(plain, " " * indent, INDENTED)
    write_text(path, content + "\n")


def _indented(value: Any, step: str, levels: int, margin: str = "\n") -> str:
    """JSON whose objects and lists are indented, down to so many levels.

    json indents in Python alone; here its encoder in C writes most of a large file.
    """
    if not levels or not value or not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    inner = margin + step
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {_indented(v, step, levels - 1, inner)}" for k, v in value.items()]
        return f"{{{inner}{f',{inner}'.join(parts)}{margin}}}"
    parts = [_indented(item, step, levels - 1, inner) for item in value]
    return f"[{inner}{f',{inner}'.join(parts)}{margin}]"


def parse_json(content: bytes | str) -> Any:
    """What JSON says.

    Raises:
        ValueError: it is none, or its brackets are nested more deeply than Python follows.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


class JsonlLog:
    """A file of one JSON object per line; an appended line is on disk when `append` returns, or `sync`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[str] = []

    def lines(self) -> list[bytes]:
        """All whole lines. One cut short by a kill is removed from the file.

        Raises:
            UserError: the file cannot be read.
        """
        try:
            content = self.path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                self._cut(len(whole))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(
                f"cannot read {self.path}: {error.strerror}; let it be read, or delete it to compute its "
                "results again."
            ) from error
        return whole.split(b"\n")[:-1]

    def _cut(self, length: int) -> None:
        try:
            with self.path.open("r+b") as file:
                file.truncate(length)
        except OSError as error:
            if error.errno not in NOT_WRITABLE:
                raise

    def read(self) -> list[dict[str, Any]]:
        """All whole records, see `lines`.

        Raises:
            UserError: the file cannot be read, or a line in the middle of it is not JSON.
        """
        records = []
        for number, line in enumerate(self.lines(), 1):
            try:
                records.append(parse_json(line))
            except (ValueError, RecursionError) as error:
                raise UserError(
                    f"{self.path}, line {number}, is not JSON ({error}); "
                    "delete the file to compute its results again."
                ) from error
        return records

    def append(self, record: dict[str, Any], sync: bool = True) -> None:
        """Append one record; with `sync` it and those before are on disk, without it may wait for others.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        self._waiting.append(json.dumps(jsonable(record), allow_nan=False) + "\n")
        if sync or len(self._waiting) >= MOST_WAITING:
            self._write(sync)

    def sync(self) -> None:
        """Have on disk what was appended without.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        if self._waiting or self.path.is_file():
            self._write(sync=True)

    def _write(self, sync: bool) -> None:
        # What fails half-way is not written again behind its own first half.
        lines, self._waiting = "".join(self._waiting), []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                is_new = file.tell() == 0
                file.write(lines.encode())
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            if is_new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise _disk_error(self.path, error) from error


@contextlib.contextmanager
def locked(path: Path, brief: bool = False) -> Iterator[None]:
    """Hold a lock among processes, a file that stays; a second process waits. It dies with its process.

    Args:
        path: the file.
        brief: it is held for moments only, so that nobody has to know by whom.

    Raises:
        OSError: the file cannot be written, or its file system knows no locks.
    """
    # Not at the top: whoever only reads does without.
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    # A lock by the mere existence of its file would outlive a killed process.
    lock = FileLock(path, fallback_to_soft=False)
    holder = path.with_name(f"{path.name}.holder")
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        log.warning("%s works in %s: waiting for it", _holder(holder), path.parent)
        lock.acquire()
    try:
        if not brief:
            _sign(holder)
        yield
    finally:
        if not brief:
            with contextlib.suppress(OSError):
                holder.unlink(missing_ok=True)
        lock.release()


def _sign(holder: Path) -> None:
    """Say who holds a lock; taking it empties its own file."""
    who = {"pid": os.getpid(), "host": socket.gethostname(), "command": " ".join(sys.argv)[:400]}
    with contextlib.suppress(OSError):
        holder.write_text(json.dumps({**who, "since": time.strftime("%Y-%m-%d %H:%M:%S")}))


def _holder(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        return f"process {who['pid']} on {who['host']} ({who['command']}), since {who['since']},"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextlib.contextmanager
def exclusive(folder: Path, lock: str = ".lock", brief: bool = False) -> Iterator[None]:
    """Hold a folder, or a part of it that has a lock of its own, alone among processes.

    A folder that is there and may not be written needs no lock: what is in it is read.

    Args:
        folder: made where it is not there.
        lock: name of the lock's file in it.
        brief: see `locked`.

    Raises:
        UserError: the folder cannot be made, or its file system knows no locks.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(folder / lock, brief))
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise UserError(
                    f"cannot lock {folder}: {error.strerror}. Its file system knows no locks: change the key "
                    "of the configuration that names it to a folder on another disk."
                ) from error
            if error.errno not in NOT_WRITABLE or not folder.is_dir():
                raise _disk_error(folder, error) from error
        yield
