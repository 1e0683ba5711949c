"""A program beside this one that answers lines with lines, each a JSON object."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from hw4.core.durable import parse_json
from hw4.core.errors import UserError

log = logging.getLogger(__name__)

# A longer line of the program is no message; so much of it is kept.
MAX_LINE = 1 << 20
# How often it is looked at while nothing comes, and when a word is said about waiting.
LOOK_S, WORDS_AT_S, THEN_EVERY_S = 0.1, (10.0, 30.0, 60.0), 60.0
# How long a program may take to end by itself, and its output to arrive after its end.
GRACE_S = 3.0
LAST_LINES, LAST_BYTES, LAST_CHARACTERS = 5, 4096, 600
WATCHDOG = Path(__file__).with_name("watchdog.py")


class ProgramFailed(Exception):
    """The program ended, or took too long; the message says which, with its last lines."""


class Program:
    """One run of a command, in a group of processes that ends with this object and with this process.

    Standard output carries messages; other lines on it go to the log, as does standard error.

    Args:
        command: its words.
        log_path: what it writes is appended there.
        scratch: a folder that is to go with this process, should that be killed.

    Raises:
        UserError: it cannot be started, or the log cannot be written.
    """

    def __init__(self, command: Sequence[str], log_path: Path, scratch: Path) -> None:
        self.log_path = log_path
        words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in command]
        try:
            log_path.parent.mkdir(parents=True, exist_ok=True)
            log_file = log_path.open("ab")
        except OSError as error:
            raise UserError(f"cannot write {log_path}: {error.strerror}; give another folder.") from error
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        log_file.write(f"--- {now} {json.dumps(words)}\n".encode())
        log_file.flush()
        self._log_start = log_file.tell()
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log_file, start_new_session=True
            )
        except (OSError, ValueError) as error:
            log_file.close()
            why = getattr(error, "strerror", None) or error
            raise UserError(
                f"model.command={words} cannot be started ({why}): give the whole path of a program."
            ) from error
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WATCHDOG), str(self._process.pid), str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin = self._process.stdin
        self._reader = threading.Thread(
            target=_read, args=(self._process.stdout, self._messages, log_file), daemon=True
        )
        self._reader.start()
        self._writers: list[threading.Thread] = []
        self._end = weakref.finalize(self, _end, os.getpid(), self._process, guard)

    def send(self, message: dict[str, Any]) -> None:
        """Write a message; one that is not read is no reason to wait here."""
        line = (json.dumps(message) + "\n").encode()
        writer = threading.Thread(target=_write, args=(self._stdin, line), daemon=True)
        writer.start()
        self._writers = [*(one for one in self._writers if one.is_alive()), writer]

    def receive(self, limit_s: float, limit_key: str, doing: str) -> dict[str, Any]:
        """The next message.

        Args:
            limit_s: seconds to wait for it.
            limit_key: the key of the configuration that says so.
            doing: what it is at, for the words about waiting.

        Raises:
            ProgramFailed: it ended before, or the time is over.
        """
        started, words = time.monotonic(), list(WORDS_AT_S)
        while True:
            with contextlib.suppress(Empty):
                message = self._messages.get(timeout=LOOK_S)
                if message is not None:
                    return message
                raise ProgramFailed(self._ended())
            # What it has left running may hold its output open.
            if self._process.poll() is not None:
                self._reader.join(GRACE_S)
                if self._messages.empty():
                    raise ProgramFailed(self._ended())
            waited = time.monotonic() - started
            if waited > limit_s:
                raise ProgramFailed(
                    f"the program took longer than {limit_key}={limit_s:g} s {doing}{self.last_lines()}"
                )
            if waited > words[0]:
                limit = f"{limit_key}={limit_s:g}"
                log.warning(
                    "the program takes %.0f s so far %s (%s)%s", waited, doing, limit, self.last_lines(1)
                )
                words = words[1:] or [words[0] + THEN_EVERY_S]

    def close(self) -> None:
        """Let the program end by itself, which it does when its input ends; else it is ended."""
        if not any(writer.is_alive() for writer in self._writers):
            with contextlib.suppress(OSError):
                self._stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End the program and all that it has started."""
        self._end()

    def last_lines(self, count: int = LAST_LINES) -> str:
        """What it wrote last besides messages, as the end of a sentence; empty where it wrote nothing."""
        try:
            with self.log_path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, size - LAST_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        lines = [
            line for line in ("".join(filter(str.isprintable, s)).strip() for s in text.split("\n")) if line
        ]
        words = " | ".join(lines[-count:])[-LAST_CHARACTERS:]
        return f"; its last {'line' if count == 1 else 'lines'}: {words}" if words else "; it wrote nothing"

    def _ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        status = self._process.returncode
        if status is None:
            how = "closed its standard output"
        elif status < 0:
            with contextlib.suppress(ValueError):
                status = signal.Signals(-status).name
            how = f"was ended by {status}"
        else:
            how = f"ended with status {status}"
        return f"the program {how}{self.last_lines()}"


def _message(line: bytes) -> dict[str, Any] | None:
    """What a line says, or None where it is no JSON object."""
    if not line.lstrip().startswith(b"{") or not line.endswith(b"\n"):
        return None
    try:
        message = parse_json(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _read(stdout: IO[bytes], messages: "SimpleQueue[dict[str, Any] | None]", log_file: IO[bytes]) -> None:
    with stdout, log_file:
        while line := stdout.readline(MAX_LINE):
            message = _message(line)
            if message is not None:
                messages.put(message)
            else:
                with contextlib.suppress(OSError):
                    log_file.write(b"stdout: " + line.rstrip(b"\n") + b"\n")
                    log_file.flush()
    messages.put(None)


def _write(stdin: IO[bytes], line: bytes) -> None:
    # Whoever waits for the answer is told why there is none.
    with contextlib.suppress(OSError, ValueError):
        stdin.write(line)
        stdin.flush()


def _end(owner: int, process: "subprocess.Popen[bytes]", guard: "subprocess.Popen[bytes]") -> None:
    # A fork of the owner has a copy of this, and no right to it.
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(OSError):
        guard.communicate(b".")
