"""Pairs on disk (`data=pairs`): an index, ground-truth cameras, photos, and the frames between them."""

import codecs
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import PairsConfig
from hw4.core.errors import UserError
from hw4.core.regular import regular
from hw4.data.pair_tree import find_frames, find_index, folder_of, index_candidates
from hw4.data.pairs.ground_truth import camera_from_entry, intrinsics_from_entry, read_ground_truth
from hw4.data.pairs.source import PairSource, TruePair, chosen
from hw4.data.photos import photo_folder


@dataclass(frozen=True)
class PairRow:
    """One row of the index: sample number and the two photos, as written there."""

    idx: int
    img1: str
    img2: str


# A quoted field may hold blanks; an apostrophe or a quote within a word is part of it.
FIELD = re.compile(r"""(?:"([^"]*)"|'([^']*)'|(\S+))(?!\S)""")


def _fields(line: str) -> list[str]:
    """The fields of a row: between tabs where there are enough of them, else between blanks."""
    tabbed = [field.strip() for field in line.split("\t") if field.strip()]
    if len(tabbed) >= 3:
        return [next(filter(None, match.groups())) if (match := FIELD.fullmatch(f)) else f for f in tabbed]
    return [next(filter(None, match.groups()), "") for match in FIELD.finditer(line)]


def _text(path: Path) -> str:
    """A text file's content, in UTF-8 with or without a byte-order mark, or in UTF-16 with one."""
    content = regular(path).read_bytes()
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def _not_text(error: UnicodeDecodeError) -> str:
    """Which line cannot be decoded; names that are no UTF-8 cannot be listed."""
    before = error.object[: error.start]
    first = before.rfind(b"\n") + 1
    line = error.object[first:].split(b"\n", 1)[0].rstrip()[:80]
    if error.encoding != "utf-8" or b"\0" in line:
        return "it is not text"
    return (
        f"line {before.count(bytes([10])) + 1} is no UTF-8 ({os.fsdecode(line)!a}): save the file in UTF-8, "
        "and rename photos whose names are none"
    )


def read_index(path: Path) -> list[PairRow]:
    """Rows of a pairs file: free header, a line ``idx img1 img2``, then ``idx path1 path2`` rows.

    Columns after the third are ignored. Names with blanks stand in quotes, or between tabs.

    Raises:
        UserError: missing file, no header line, malformed or duplicate row, or no row at all.
    """
    try:
        lines = _text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else _not_text(error)
        raise UserError(f"cannot read the index {path}: {reason}; set data.root and data.index.") from error
    rows: list[PairRow] = []
    started = False
    seen: set[int] = set()
    for number, line in enumerate(lines, 1):
        fields = _fields(line)
        if not started:
            started = fields[:3] == ["idx", "img1", "img2"]
            continue
        if not fields or line.lstrip().startswith("---"):
            continue
        if len(fields) < 3 or not all(fields[:3]) or not re.fullmatch(r"\d+", fields[0]):
            raise UserError(
                f"{path}, line {number}: {line.strip()!r} is not 'idx relative/path1 relative/path2'; "
                "mend or remove that line."
            )
        idx = int(fields[0])
        if idx in seen:
            raise UserError(f"{path}, line {number}: idx {idx} stands there twice; give each row its own.")
        seen.add(idx)
        rows.append(PairRow(idx, fields[1], fields[2]))
    if not started and any(re.match(r"\s*idx\s*[,;]", line) for line in lines):
        raise UserError(f"{path} has its columns between commas or semicolons: put blanks or tabs there.")
    if not started:
        raise UserError(f"{path} has no line starting 'idx img1 img2'; put it above the first row.")
    if not rows:
        raise UserError(f"{path} lists no pair below its 'idx img1 img2' line.")
    return rows


class IndexedPairs(PairSource):
    """The pairs of a folder.

    Raises:
        UserError: the folder does not exist.
    """

    def __init__(self, config: PairsConfig) -> None:
        self.root = folder_of(config)
        if not self.root.is_dir():
            within = f", split {config.split}," if config.split else ""
            raise UserError(
                f"data.root={config.root}{within} is not a folder; point it at the folder of the pairs."
            )
        self.listed_in = find_index(config)
        self.generator = config.generator
        split = f" data.split={config.split}" if config.split else ""
        self.chosen_by = f"data=pairs data.root={config.root}{split}"
        self._config = config

    @cached_property
    def frames_root(self) -> Path:  # type: ignore[override]
        """The folder of the videos; several are an error only where they are read."""
        return find_frames(self._config)

    def photos(self, must_exist: bool = True) -> dict[int, tuple[Path, Path]]:
        """As the index lists them, below `data.images`."""
        rows = read_index(self.listed_in)
        root, images = self.root, self._config.images
        try:
            folder = root / images if images else photo_folder(root)
            if must_exist and not folder.is_dir():
                raise UserError(f"the image folder {folder} does not exist; set data.images.")
        except OSError as error:
            raise UserError(
                f"cannot look for images below {root}: {error.strerror}; set data.images."
            ) from error
        return {row.idx: (folder / row.img1, folder / row.img2) for row in rows}

    @cached_property
    def _truth_file(self) -> Path:
        default = "gt.json" if (self.root / "gt.json").exists() else "gt.npy"
        return self.root / (self._config.gt or default)

    @cached_property
    def _entries(self) -> dict[int, dict[str, Any]]:
        return read_ground_truth(self._truth_file)

    def truth(self, idx: int) -> TruePair:
        """From the entry of that number."""
        name = self._truth_file.name
        if idx not in self._entries:
            raise ValueError(f"{name} has no entry {idx}")
        entry = self._entries[idx]
        if not isinstance(entry, dict) or not all(isinstance(entry.get(v), dict) for v in ("img1", "img2")):
            raise ValueError(f"entry {idx} of {name} lacks img1 or img2")
        try:
            convention = self._config.gt_convention
            cameras = [camera_from_entry(entry[view], convention) for view in ("img1", "img2")]
            return TruePair(np.stack(cameras), intrinsics_from_entry(entry))
        except ValueError as error:
            raise ValueError(f"entry {idx} of {name}: {error}") from error


def files_of(config: PairsConfig) -> list[Path]:
    """The folder of the pairs, then what a run reads: index, truth, photos and frames of its samples only."""
    root = folder_of(config)
    truth = [config.gt] if config.gt else ["gt.json", "gt.npy"]
    found = [*index_candidates(config), *(root / name for name in truth)]
    try:
        source = IndexedPairs(config)
        listed = source.photos(must_exist=False)
        numbers = chosen(config, list(listed))
        found += [path for number in numbers for path in listed[number]]
        found += [source.frames_root / str(number) for number in numbers]
    except UserError:
        # Whoever reads the pairs says what is wrong with them.
        pass
    # Relative to the folder, as content is told by: a copied data set is the same.
    return [root, *(Path(os.path.relpath(path, root)) for path in found)]
