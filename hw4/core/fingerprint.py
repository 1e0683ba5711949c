"""One identity of a file, its content: a SHA-256 that is remembered, so that hashing is paid for once.

A data set that was copied, moved or touched is therefore the same one, and a changed byte makes another.
"""

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from hw4.core.cores import usable_cores
from hw4.core.durable import exclusive, parse_json, write_text
from hw4.core.errors import UserError
from hw4.core.regular import regular

log = logging.getLogger(__name__)

BLOCK = 1 << 20
# Seconds; a file system's clock may be so coarse that a file changed again within them shows the same time.
CLOCK = 2.0
# The oldest are forgotten: a memory of this size is read in some 50 ms.
MAX_REMEMBERED = 50_000


def digest(value: Any) -> str:
    """20 hexadecimal digits that identify a value of JSON's types; the order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]


def file_digest(path: Path, what: str = "the file") -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        UserError: the file cannot be read; `what` it is stands in the sentence.
    """
    found = _digests([path])[path]
    if isinstance(found, OSError):
        raise UserError(f"cannot read {what} {path}: {found.strerror}; let the file be read.") from found
    return found


def file_digests(paths: Iterable[Path]) -> dict[Path, str | None]:
    """`file_digest` of each file, None where one cannot be read: whoever needs its content says why.

    Many at once are remembered in one write.
    """
    found = _digests(dict.fromkeys(paths))
    return {path: None if isinstance(value, OSError) else value for path, value in found.items()}


def content_of(root: Path, files: Iterable[Path]) -> list[tuple[str, str | None]]:
    """Names below `root` and digests of files, in the order of the names: the same wherever `root` lies.

    Files outside of `root` are named by the way that leads to them; those that are not there are left out.
    """
    found = {Path(os.path.relpath(path, root)).as_posix(): path for path in files if path.is_file()}
    digests = file_digests(found.values())
    return [(name, digests[found[name]]) for name in sorted(found)]


def cache_home() -> Path:
    """This project's folder in the user's cache.

    Raises:
        RuntimeError: there is no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hw4"


def _key(path: Path, folders: dict[str, str]) -> tuple[str, bool]:
    """How a file is remembered, and whether it is old enough for its time to tell a later change.

    `folders` keeps where each folder really is, as many files lie in one.
    """
    folder, name = os.path.split(path)
    status = os.lstat(path)
    if stat.S_ISREG(status.st_mode):
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        real = f"{folders[folder]}{os.sep}{name}"
    else:
        real, status = os.path.realpath(path), path.stat()
    # The time of change tells what sets the time of modification back, as some copying programs do.
    key = f"{real}|{status.st_size}|{status.st_mtime_ns}|{status.st_ctime_ns}"
    return key, time.time() - max(status.st_mtime, status.st_ctime) > CLOCK


def content_digest(path: Path) -> str:
    """The SHA-256 of a file as it is now, in hexadecimal: a disk that rots changes no time.

    Raises:
        OSError: it cannot be read.
    """
    hasher = hashlib.sha256()
    with regular(path).open("rb") as file:
        while block := file.read(BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def _hashed(path: Path) -> str | OSError:
    try:
        return content_digest(path)
    except OSError as error:
        return error


def _digests(paths: Iterable[Path]) -> dict[Path, str | OSError]:
    """Digests from the memory, and else from the files, on threads: hashing lets go of Python's lock."""
    memory = _memory_file()
    known = {} if memory is None else _remembered(memory)
    digests: dict[Path, str | OSError] = {}
    # Files to hash, with the key to remember each by, if any.
    unknown: dict[Path, str | None] = {}
    folders: dict[str, str] = {}
    for path in paths:
        try:
            key, old = _key(path, folders)
        except OSError as error:
            digests[path] = error
            continue
        if key in known:
            digests[path] = known[key]
        else:
            unknown[path] = key if old else None
    with ThreadPoolExecutor(usable_cores()) as pool:
        digests |= zip(unknown, pool.map(_hashed, unknown), strict=True)
    hashed = ((key, digests[path]) for path, key in unknown.items() if key is not None)
    fresh = {key: value for key, value in hashed if isinstance(value, str)}
    if fresh and memory is not None:
        _remember(memory, fresh)
    return digests


def _memory_file() -> Path | None:
    try:
        return cache_home() / "fingerprints.json"
    except RuntimeError:
        return None


def _remembered(memory: Path) -> dict[str, str]:
    try:
        status = memory.stat()
    except OSError:
        return {}
    return _parsed(memory, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=1)
def _parsed(memory: Path, _mtime_ns: int, _inode: int) -> dict[str, str]:
    """The memory, read once for each of its versions: a write makes a new file."""
    try:
        content = parse_json(memory.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)}


def _remember(memory: Path, fresh: dict[str, str]) -> None:
    try:
        with exclusive(memory.parent, brief=True):
            # Another process may have written since.
            both = list({**_remembered(memory), **fresh}.items())
            write_text(memory, json.dumps(dict(both[-MAX_REMEMBERED:]), indent=0))
    except UserError as error:
        log.info("fingerprints of files are not remembered: %s", error)
