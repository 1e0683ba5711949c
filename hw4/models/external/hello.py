"""What a program says of itself before it loads anything: its name, its version, the protocol it speaks."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hw4.core.errors import UserError
from hw4.core.fingerprint import digest, file_digests
from hw4.models.external.config import ExternalConfig
from hw4.models.external.program import Program, ProgramFailed
from hw4.models.spec import ModelLabels

PROTOCOL = 1
MAX_NAME, MAX_REASON = 100, 600


@dataclass(frozen=True)
class Hello:
    """A program's first message; `version` stands for all that decides its answers beside the command."""

    name: str
    version: str


def greeted(program: Program, config: ExternalConfig) -> Hello:
    """Wait for the program's first message.

    Raises:
        ProgramFailed: it ended, took too long, or said something else.
    """
    message = program.receive(config.start_timeout, "model.start_timeout", "to say hello")
    if message.get("hw4") != PROTOCOL or not isinstance(message.get("name"), str):
        raise ProgramFailed(
            f'the program began with {shown(message)}, not with {{"hw4": {PROTOCOL}, "name": "...", '
            '"version": "..."}'
        )
    return Hello(*(printable(message.get(key, ""), MAX_NAME) for key in ("name", "version")))


def shown(message: dict[str, Any]) -> str:
    """A message for a sentence, shortened."""
    text = printable(message, MAX_NAME + 1)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."


def printable(value: Any, limit: int) -> str:
    """A program's words on one line, without what a terminal would obey."""
    line = " ".join(str(value).split())
    return "".join(filter(str.isprintable, line))[:limit]


def labels(config: ExternalConfig, hello: Hello | None = None) -> ModelLabels:
    """The program's name and version for tables, and what tells its answers from those of another.

    That is the command, the content of its files, and the hello. Without `hello` the program is started for
    it, once in this process, and ended before it loads its model.

    Raises:
        UserError: it cannot be started, or says no hello.
    """
    files = {str(path): content for path, content in file_digests(config.files()).items()}
    hello = hello or announced(tuple(config.command), digest(files), config.start_timeout)
    told = [config.command, sorted(files.items()), hello.name, hello.version]
    return ModelLabels(" ".join(filter(None, (hello.name, hello.version))), digest(told))


@lru_cache
def announced(command: tuple[str, ...], _content: str, start_timeout: float) -> Hello:
    """The hello of a program whose files have that content.

    Raises:
        UserError: it cannot be started, or says no hello.
    """
    config = ExternalConfig(command=list(command), start_timeout=start_timeout)
    with tempfile.TemporaryDirectory(prefix="hw4-external-") as folder:
        program = Program(config.command, Path(folder) / "log", Path(folder))
        try:
            return greeted(program, config)
        except ProgramFailed as error:
            raise UserError(f"model.command={config.command}: {error}. See docs/external.md.") from error
        finally:
            program.kill()
