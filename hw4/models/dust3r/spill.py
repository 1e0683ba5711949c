"""Predictions kept on disk while they are made, so that a killed reconstruction goes on where it was.

A folder holds ``points.bin``, the array that `PairPredictions` works in, mapped into memory, and
``pairs.jsonl``, which pairs of it are whole, with a checksum of each: the file itself is written back by the
system when it likes.
"""

import contextlib
import logging
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.cache import using
from hw4.core.durable import JsonlLog, exclusive
from hw4.core.errors import UserError
from hw4.core.scale import in_units
from hw4.models.base import ReconstructionBroken, ReconstructionFailed
from hw4.models.dust3r.predictions import Edge, PairPredictions, Prediction, Shape, n_points

log = logging.getLogger(__name__)

# Less is computed again sooner than anybody would notice, even on a CPU.
SPILL_FROM = 16 * 2**20
# Seconds of work that a kill may cost: each line of `pairs.jsonl` waits for the disk.
BETWEEN_LINES = 1.0


class _Kept:
    """Which pairs of a mapped array are whole."""

    def __init__(self, folder: Path, predictions: PairPredictions) -> None:
        self._log = JsonlLog(folder / "pairs.jsonl")
        self._predictions = predictions
        self._waiting: list[int] = []
        self._written = time.monotonic()

    def whole(self) -> set[int]:
        """The pairs of an earlier process that are still what it wrote."""
        found = set()
        try:
            for line in self._log.read():
                for pair, bad, known in zip(line["pairs"], line["bad"], line["sums"], strict=True):
                    if self._sum(pair) == known:
                        self._predictions.bad[pair] = bad
                        found.add(pair)
        except (UserError, KeyError, IndexError, TypeError, ValueError):
            # Damaged: nothing of it is believed.
            self._log.path.unlink()
            return set()
        return found

    def add(self, pair: int) -> None:
        self._waiting.append(pair)
        if time.monotonic() - self._written > BETWEEN_LINES:
            self.write()

    def write(self) -> None:
        if self._waiting:
            bad = self._predictions.bad[self._waiting].tolist()
            sums = [self._sum(pair) for pair in self._waiting]
            self._log.append({"pairs": self._waiting, "bad": bad, "sums": sums})
        self._waiting, self._written = [], time.monotonic()

    def _sum(self, pair: int) -> int:
        total = 0
        for row in self._predictions.values[:, self._predictions.part(pair)]:
            total = zlib.crc32(row, total)
        return total


class Workspace:
    """Predictions that are being made.

    Attributes:
        predictions: where they are.
        missing: the pairs that are not there yet, in order.
    """

    def __init__(self, predictions: PairPredictions, kept: _Kept | None = None) -> None:
        self.predictions, self._kept = predictions, kept
        self._whole = kept.whole() if kept is not None else set()
        self.missing = [pair for pair in range(len(predictions.edges)) if pair not in self._whole]

    def put(self, pair: int, first: Prediction, second: Prediction) -> bool:
        """See `PairPredictions.put`; False where the pair is there already."""
        if pair in self._whole:
            return False
        self.predictions.put(pair, first, second)
        if self._kept is not None:
            self._kept.add(pair)
        return True

    def flush(self) -> None:
        """Note on disk which pairs are whole."""
        if self._kept is not None:
            self._kept.write()


@contextlib.contextmanager
def workspace(
    shapes: Sequence[Shape], edges: Sequence[Edge], dtype: Any, scratch: Path | None, name: str
) -> Iterator[Workspace]:
    """Room for the predictions of one scene; in a file where it is large and there is a folder for it.

    The file is removed when the block ends well, and stays where it does not: the next one with its name goes
    on with it. Where the disk has too little room, that is said, and the predictions are in memory alone.

    Args:
        shapes, edges, dtype: see `PairPredictions`.
        scratch: a folder of the cache; None: memory alone.
        name: identifies all that decides the predictions.
    """
    size = 4 * n_points(shapes, edges) * np.dtype(dtype).itemsize
    if scratch is None or size < SPILL_FROM:
        yield Workspace(PairPredictions(shapes, edges, dtype))
        return
    folder = scratch / name
    with using(scratch), exclusive(scratch, f".{name}.lock"):
        values = _mapped(folder, size, dtype)
        predictions = PairPredictions(shapes, edges, dtype, values)
        space = Workspace(predictions, None if values is None else _Kept(folder, predictions))
        done = len(edges) - len(space.missing)
        if done:
            log.warning("%d of %d pairs are taken from %s", done, len(edges), folder)
        try:
            yield space
        except ReconstructionBroken:
            space.flush()
            raise
        except ReconstructionFailed:
            # It would fail again, and is remembered as failed.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except BaseException:
            space.flush()
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _mapped(folder: Path, size: int, dtype: Any) -> np.ndarray | None:
    """The (4, P) array in ``points.bin``; None where it cannot be there."""
    path = folder / "points.bin"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.stat().st_size != size:
            shutil.rmtree(folder)
            folder.mkdir()
            free = shutil.disk_usage(folder).free
            if size > free:
                raise OSError(0, f"{in_units(size)} are needed and {in_units(free)} are free")
            with path.open("xb") as file:
                # Really reserved: a mapped file that meets a full disk ends the process.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.truncate(size)
        return np.asarray(np.memmap(path, dtype, "r+", shape=(4, size // (4 * np.dtype(dtype).itemsize))))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        log.warning(
            "the predictions cannot be kept in %s (%s): if this run is ended, it begins this sample again",
            folder,
            error.strerror or error,
        )
        return None
