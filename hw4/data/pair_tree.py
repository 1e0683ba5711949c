"""Where the parts of a pair data set lie: as configured, or found in the usual places."""

from collections.abc import Iterator
from pathlib import Path

from hw4.config import PairsConfig
from hw4.core.errors import UserError

INDEX = "pairs.txt"
FRAMES = "interpolated"
# Where video models' results are unpacked, in folders for the run and its seed.
UNPACKED = "interpolated_images"
UNPACKED_DEPTH = 4
SPLITS = ("public", "private")


def folder_of(config: PairsConfig) -> Path:
    """`data.root`, or the split of it that `data.split` names."""
    root = Path(config.root).expanduser()
    return root / config.split if config.split else root


def index_candidates(config: PairsConfig) -> list[Path]:
    """Where the index may be: as configured; else ``pairs.txt``, or ``<folder>_*.txt`` beside the folder."""
    root = folder_of(config)
    if config.index is not None:
        return [root / config.index]
    inside = root / INDEX
    if inside.exists():
        return [inside]
    # Resolved: `.` has a name as well.
    whole = root.resolve()
    return [path for path in _children(whole.parent) if path.match(f"{whole.name}_*.txt")]


def find_index(config: PairsConfig) -> Path:
    """The index of the pairs.

    Raises:
        UserError: there is none or more than one; the message says where it is looked for.
    """
    found = index_candidates(config)
    root = folder_of(config)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise UserError(f"{root} has several indices beside it ({names}): choose with data.index=../NAME.")
    splits = [name for name in SPLITS if config.split is None and (root / name).is_dir()]
    if splits:
        raise UserError(
            f"{root} has no {INDEX}, but {' and '.join(splits)}: choose with data.split={'|'.join(splits)}."
        )
    raise UserError(
        f"cannot read the index: there is neither {root / INDEX} nor {root.name}_*.txt beside that folder; "
        "set data.index."
    )


def find_frames(config: PairsConfig) -> Path:
    """The folder of ``<idx>/<generator>/*frame<N>``: as configured, ``interpolated``, or what was unpacked.

    Raises:
        UserError: several results of video models are there.
    """
    root = folder_of(config)
    if config.interpolated_root is not None:
        return root / config.interpolated_root
    usual = root / FRAMES
    if usual.is_dir():
        return usual
    found = list(_roots_of_frames(root / UNPACKED, UNPACKED_DEPTH))
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(root)) for path in found)
        raise UserError(f"{root} has frames of several runs: set data.interpolated_root to one of {names}.")
    return found[0] if found else usual


def _roots_of_frames(folder: Path, depth: int) -> Iterator[Path]:
    """Folders below one, or itself, that hold folders named by numbers."""
    folders = [path for path in _children(folder) if path.is_dir()]
    if any(path.name.isdecimal() for path in folders):
        yield folder
    elif depth:
        for path in folders:
            yield from _roots_of_frames(path, depth - 1)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
