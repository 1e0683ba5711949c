"""What hw4 itself did before and does now: the same pieces of work by an earlier revision, in the same run.

    python -m benchmarks.earlier [--quick] [--before REV]

HW4_BENCH_PHOTOS and HW4_BENCH_K name photos of yours, as for `benchmarks.sfm`. Each piece runs in a process
of its own, in turns that change who goes first; the least time of each side counts. `benchmarks.endtoend`
does the same with whole commands, `benchmarks.training` with an iteration.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, Ratio, Record
from benchmarks.revisions import start_beside, unpacked
from benchmarks.sfm import Found, apart_deg, photos
from tests.support.pointmap_networks import make_photos

WORKS = Path(__file__).parent / "peers" / "works.py"
# What `hw4.launch.threads` sets for a command; the earlier one set nothing.
SETTLED = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
MAX_BYTES_PER_POINT = 32


@dataclass
class Done:
    """What a piece of work spent, in seconds and bytes, and what came out."""

    spent: dict[str, float]
    found: dict[str, np.ndarray]


class Side:
    """One version of the code."""

    def __init__(self, name: str, code: Path, environment: Mapping[str, str]) -> None:
        self.name, self._code, self._environment = name, code, environment

    def do(self, work: str, *size: object, environment: Mapping[str, str] | None = None) -> Done:
        """A piece of work, see `benchmarks.peers.works`.

        Raises:
            SystemExit: it failed.
        """
        own = {**self._environment, **(environment or {})}
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(
                [sys.executable, str(WORKS), work, out, *map(str, size)],
                env={**os.environ, "PYTHONPATH": str(self._code), **own},
                cwd=out,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise SystemExit(f"{work} by {self.name} failed:\n{done.stderr}")
            with np.load(Path(out, "found.npz")) as found:
                return Done(json.loads(Path(out, "spent.json").read_text()), dict(found))


def in_turns(sides: Sequence[Side], turns: int, do: Callable[[Side], Done]) -> list[Done]:
    """The work of each side, with the least that any turn spent."""
    results: dict[str, Done] = {}
    for turn in range(turns):
        for side in sides if turn % 2 == 0 else sides[::-1]:
            done = do(side)
            before = results.setdefault(side.name, done)
            before.spent = {key: min(value, done.spent[key]) for key, value in before.spent.items()}
    return [results[side.name] for side in sides]


def sfm(record: Record, sides: Sequence[Side], turns: int) -> None:
    """A sequence of photos: cameras and points."""
    with tempfile.TemporaryDirectory() as name:
        paths, K, truth, what = photos(Path(name), 17)
        folder = paths[0].parent
        if truth is None:
            folder = Path(name)
            for path in paths:
                (folder / path.name).symlink_to(path.resolve())
        (folder / "K.json").write_text(json.dumps(K.tolist()))
        both = in_turns(sides, turns, lambda side: side.do("sfm", folder))
    found = [Found(one.found["cam_from_world"], int(one.found["points"])) for one in both]
    parity = "views and points: " + " against ".join(str((one.views, one.points)) for one in found)
    if truth is not None:
        errors = [apart_deg(one.cam_from_world, truth) for one in found]
        parity += f"; rotation error {errors[0]:.3f}° against {errors[1]:.3f}°"
    else:
        parity += f"; rotations {apart_deg(found[0].cam_from_world, found[1].cam_from_world):.2f}° apart"
    add(record, ("Structure from motion, known intrinsics", f"{len(paths)} {what}"), sides[1], both, parity)


def many_views(record: Record, sides: Sequence[Side], counts: tuple[int, int]) -> None:
    """DUSt3R on the complete graph: bytes for each predicted point, from few views to more."""
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder), counts[1], ((256, 192),))

        def do(count: int, side: Side) -> Done:
            return side.do("views", folder, count, environment=ONE_THREAD)

        for side in sides:
            # Compiles kernels.
            do(3, side)
        fewer, both = (in_turns(sides, 2, partial(do, count)) for count in counts)
    said = []
    for side, few, many in zip(sides, fewer, both, strict=True):
        per_point = (many.spent["peak"] - few.spent["peak"]) / (many.spent["points"] - few.spent["points"])
        said.append(f"{per_point:.1f} {side.name}")
    record.fact(
        f"DUSt3R, {counts[0]} to {counts[1]} views of 128x96, complete graph: bytes per predicted point "
        f"{', '.join(said)} (goal {MAX_BYTES_PER_POINT})"
    )
    parity = f"largest difference of a camera {largest(both):.0e}"
    add(record, ("DUSt3R, complete graph", f"{counts[1]} views of 128x96"), sides[1], both, parity)


def vggt(record: Record, sides: Sequence[Side], height: int, width: int) -> None:
    """An interpolated sample at the official size."""
    both = in_turns(sides, 1, lambda side: side.do("vggt", height, width, environment=ONE_THREAD))
    what = "VGGT, official size, cameras and depth", f"pair and two subsets of its frames, {width}x{height}"
    parity = f"largest difference of a camera {largest(both):.0e}"
    add(record, what, sides[1], both, parity)


def sample(record: Record, sides: Sequence[Side], pairs: int, turns: int) -> None:
    """The generated data."""
    both = in_turns(sides, turns, lambda side: side.do("sample", pairs))
    parity = "the same bytes" if np.array_equal(*(one.found["bytes"] for one in both)) else "OTHER BYTES"
    add(record, ("Generated data", f"{pairs} pairs and a scene"), sides[1], both, parity)


def largest(both: Sequence[Done]) -> float:
    """Difference of all cameras' numbers."""
    now, before = (one.found["cam_from_world"] for one in both)
    return float(np.nanmax(np.abs(now - before)))


def add(record: Record, what: tuple[str, str], earlier: Side, both: Sequence[Done], parity: str) -> None:
    """A row by the clock, and the CPU time as a line; `what`: the work and its size."""
    now, before = (one.spent for one in both)
    record.add(Ratio(*what, earlier.name, now["wall"], before["wall"], parity))
    record.fact(f"{', '.join(what)}, CPU time: {now['cpu']:.2f} s against {before['cpu']:.2f} s")


def main(argv: Sequence[str] | None = None) -> None:
    record, revision = start_beside("earlier", __doc__, argv)
    with tempfile.TemporaryDirectory() as folder:
        earlier = Side(f"hw4 of {revision}", unpacked(revision, Path(folder, "before")), {})
        sides = [Side("now", ROOT, SETTLED), earlier]
        turns = 1 if record.quick else 3
        sfm(record, sides, turns)
        sample(record, sides, 10 if record.quick else 40, turns + 1)
        many_views(record, sides, (8, 14) if record.quick else (10, 24))
        vggt(record, sides, 112, 196)
    record.save()


if __name__ == "__main__":
    main()
