"""Reading back what the program has written itself, perhaps in another version, perhaps damaged since."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hw4.core.durable import JsonlLog, exclusive, jsonable, parse_json, write_bytes
from hw4.core.fingerprint import content_digest, digest

log = logging.getLogger(__name__)

SEAL = "seal"


def require(record: dict[str, Any], keys: Sequence[str]) -> None:
    """Check that a record has what its reader needs.

    Raises:
        ValueError: it lacks some of the keys; the message names them.
    """
    absent = [key for key in keys if key not in record]
    if absent:
        raise ValueError(f"lack {', '.join(absent)}: another version wrote them")


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """The record as JSON has it, with a checksum of itself."""
    plain: dict[str, Any] = jsonable(record)
    return {**plain, SEAL: digest(plain)}


def unsealed(content: bytes | str) -> dict[str, Any]:
    """The record that the JSON of a `sealed` one holds.

    Raises:
        ValueError: it is not what was written: a single other digit is enough.
    """
    record = parse_json(content)
    if not isinstance(record, dict) or record.pop(SEAL, None) != digest(record):
        raise ValueError("it was changed or damaged since it was written")
    return record


def checksums(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of files, by their names below `root`.

    Raises:
        OSError: one cannot be read.
    """
    return {path.relative_to(root).as_posix(): content_digest(path) for path in files}


def damaged(root: Path, sums: Mapping[str, str]) -> list[Path]:
    """The files of `checksums` that are gone or no longer what they were."""
    return [root / name for name, known in sums.items() if not _is(root / name, known)]


def _is(path: Path, known: str) -> bool:
    try:
        return content_digest(path) == known
    except OSError:
        return False


class SealedLog(JsonlLog):
    """A log of results that can be had again: a damaged line is dropped and its result computed anew."""

    def read(self) -> list[dict[str, Any]]:
        """All whole records; lines that are not as they were written are removed from the file.

        Raises:
            UserError: the file cannot be read or mended.
        """
        lines = self.lines()
        records = {}
        for number, line in enumerate(lines):
            try:
                records[number] = unsealed(line)
            except ValueError:
                continue
        if len(records) < len(lines):
            log.warning(
                "%s: %d of %d lines are damaged and computed again",
                self.path,
                len(lines) - len(records),
                len(lines),
            )
            write_bytes(self.path, b"".join(lines[number] + b"\n" for number in records))
        return list(records.values())

    def append(self, record: dict[str, Any], sync: bool = True) -> None:
        """Append one record, sealed, see `JsonlLog.append`.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        super().append(sealed(record), sync)


class SharedLog(SealedLog):
    """A log to which several processes append, each what the others do not.

    Reading mends the file, so it must not meet a line that is being written: both take the folder's lock, for
    a moment.
    """

    def read(self) -> list[dict[str, Any]]:
        """See `SealedLog.read`."""
        with exclusive(self.path.parent, brief=True):
            return super().read()

    def append(self, record: dict[str, Any], sync: bool = True) -> None:
        """See `SealedLog.append`."""
        with exclusive(self.path.parent, brief=True):
            super().append(record, sync)
