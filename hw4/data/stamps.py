"""What the files of a run hold: enough to see that one was changed since."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hw4.config import Config
from hw4.core.fingerprint import content_of, digest
from hw4.data.registry import spec_of

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


def inputs_stamp(config: Config) -> str:
    """A digest of the content of every file that the configuration names, wherever the files lie.

    Args:
        config: of a run; a folder stands for all files in it, what is not there for nothing.
    """
    written = {Path(name).resolve() for name in (*OUTPUTS, config.cache.root)}

    def content(root: Path, *paths: Path) -> list[Any]:
        return content_of(root, [file for path in paths for file in _files(root / path, written)])

    data = list(spec_of(config.data).reads(config.data))
    stamps = [content(data[0], *(data[1:] or [Path()]))] if data else []
    named = (
        config.demo.images,
        config.score.predictions,
        config.splat.render.ply,
        getattr(config.model, "weights", None),
    )
    stamps += [content(Path(path).expanduser(), Path()) for path in named if path]
    return digest(stamps)
