"""What the files of a run hold: enough to see that one was changed since."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hw4.config import Config
from hw4.core.fingerprint import content_of, digest
from hw4.data.registry import files_read

# Where runs and sweeps write unless they are told otherwise, seen from where they are started.
OUTPUTS = ("outputs", "multirun")


def _files(path: Path, written: set[Path]) -> Iterator[Path]:
    """A file, or all below a folder but for what runs have written there: data may lie where they start."""
    if not path.is_dir():
        yield path
    for parent, folders, names in os.walk(path):
        here = Path(parent)
        folders[:] = [name for name in folders if (here / name).resolve() not in written]
        yield from (here / name for name in names)


def _on_top(path: Path) -> list[Path]:
    """A file, or those that lie in a folder itself."""
    if not path.is_dir():
        return [path]
    with contextlib.suppress(OSError):
        return [entry for entry in path.iterdir() if entry.is_file()]
    return []


def inputs_stamp(config: Config) -> str:
    """A digest of the content of every file that the configuration names, wherever the files lie.

    Args:
        config: of a run. Of data, what `files_read` says; another folder stands for the files that lie in it,
            what is not there for nothing.
    """
    written = {Path(name).resolve() for name in (*OUTPUTS, config.cache.root)}
    data = files_read(config.data)
    stamps: list[Any] = []
    if data:
        root, *paths = data
        files = [file for path in paths or [Path()] for file in _files(root / path, written)]
        stamps.append(content_of(root, files))
    named = (
        config.demo.images,
        config.splat.render.ply,
        *config.model.files(),
    )
    for path in named:
        if path:
            root = Path(path).expanduser()
            stamps.append(content_of(root, _on_top(root)))
    if config.score.predictions:
        # A model of another program may lie some folders below.
        root = Path(config.score.predictions).expanduser()
        stamps.append(content_of(root, _files(root, written)))
    return digest(stamps)
