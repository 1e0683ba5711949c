"""What the files of a run look like from outside: enough to see that one was changed."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from hw4.config import Config, PairsConfig, SceneConfig

# Where runs and sweeps write unless they are told otherwise, seen from where they are started.
OUTPUTS = ("outputs", "multirun")


def _inputs(config: Config) -> Iterator[tuple[Path, str]]:
    """Folder and path of everything that the user named for the run to read; paths may be relative to it."""
    here, data = Path(), config.data
    # A sample's files follow from its configuration.
    if isinstance(data, PairsConfig | SceneConfig):
        root = Path(data.root).expanduser()
        yield here, str(root)
        if isinstance(data, PairsConfig):
            yield from ((root, p) for p in (data.index, data.gt, data.images, data.interpolated_root) if p)
    named = (config.demo.images, config.score.predictions, config.splat.render.ply)
    yield from ((here, p) for p in (*named, getattr(config.model, "weights", None)) if p)


def _files(folder: Path, written: set[Path]) -> Iterator[Path]:
    """All files below a folder, but for what runs have written there: data may lie where they are started."""
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [name for name in folders if (here / name).resolve() not in written]
        yield from (here / name for name in names)


def inputs_stamp(config: Config) -> str:
    """A hash over name, size and time of every file that the configuration names, as the caches tell files.

    Args:
        config: of a run; a folder stands for all files in it, what is not there for nothing.
    """
    digest = hashlib.sha256()
    written = {Path(name).resolve() for name in (*OUTPUTS, config.cache.root)}
    for base, named in _inputs(config):
        path = base / Path(named).expanduser()
        files = sorted(_files(path, written)) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                status = file.stat()
                digest.update(f"{file}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]
