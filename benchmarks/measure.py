"""What every benchmark shares: a header with hardware and versions, timers, and a record for the table."""

import argparse
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.durable import write_json
from hw4.core.provenance import provenance
from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.upstream import origin

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"


@dataclass
class Ratio:
    """One line of the table: how many times faster `ours` is than `peer`, measured in the same run.

    `parity` says how far the two results are apart, in words; `goal` is the ratio that was asked for.
    """

    what: str
    size: str
    peer: str
    ours_s: float
    peer_s: float
    parity: str = ""
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """Peer's time over ours."""
        return self.peer_s / self.ours_s


@dataclass
class Scaling:
    """Cost against size: seconds `y` at sizes `x` of what `x_name` says."""

    what: str
    x_name: str
    x: list[float]
    y: list[float]

    @property
    def exponent(self) -> float:
        """Of the power law fitted to the logarithms."""
        return float(np.polyfit(np.log(self.x), np.log(self.y), 1)[0])


@dataclass
class Record:
    """What a benchmark leaves for `benchmarks.table`.

    `load` is the load average of the minute before, in which the benchmark before may have run; `facts` are
    further lines of text; `parts` say of each part of a longer check what came of it.
    """

    name: str
    quick: bool
    provenance: dict[str, Any]
    load: float
    ratios: list[Ratio] = field(default_factory=list)
    scalings: list[Scaling] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, ratio: Ratio) -> None:
        """Keep a ratio and print it."""
        self.ratios.append(ratio)
        goal = "" if ratio.goal is None else f" (goal {ratio.goal:g})"
        parity = f"; {ratio.parity}" if ratio.parity else ""
        print(
            f"{ratio.what}, {ratio.size}: {ratio.ratio:.2f}x {ratio.peer}{goal}: "
            f"{seconds(ratio.ours_s)} against {seconds(ratio.peer_s)}{parity}",
            flush=True,
        )

    def scaling(self, scaling: Scaling) -> None:
        """Keep a scaling and print its fit."""
        self.scalings.append(scaling)
        sizes = ", ".join(f"{x:g}: {seconds(y)}" for x, y in zip(scaling.x, scaling.y, strict=True))
        print(f"{scaling.what} grows as {scaling.x_name}^{scaling.exponent:.2f} ({sizes})", flush=True)

    def fact(self, text: str) -> None:
        """Keep a line and print it."""
        self.facts.append(text)
        print(text, flush=True)

    def save(self) -> None:
        """Write the record, unless it is of a quick run."""
        if not self.quick:
            self.write(RESULTS / f"{self.name}.json")

    def write(self, path: Path) -> None:
        """Write the record to a file."""
        write_json(path, asdict(self))


def load_record(path: Path) -> Record:
    """Read a record that `Record.save` wrote."""
    content = json.loads(path.read_text())
    ratios = [Ratio(**one) for one in content.pop("ratios")]
    scalings = [Scaling(**one) for one in content.pop("scalings")]
    return Record(**content, ratios=ratios, scalings=scalings)


def seconds(value: float) -> str:
    """A time with three digits and a unit that suits it."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def best(run: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Least time of several calls.

    Args:
        run: what is timed.
        repeats: number of calls.
        clock: ``time.process_time`` counts this process's CPU time, which other programs disturb less.
    """
    least = float("inf")
    for _ in range(repeats):
        start = clock()
        run()
        least = min(least, clock() - start)
    return least


def alternated(
    runs: Sequence[Callable[[], Any]], repeats: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Least time of each of several things, each warmed once, in an order that is reversed every round."""
    for run in runs:
        run()
    least = [float("inf")] * len(runs)
    for repeat in range(repeats):
        for place in range(len(runs)) if repeat % 2 == 0 else reversed(range(len(runs))):
            least[place] = min(least[place], best(runs[place], 1, clock))
    return least


@dataclass(frozen=True)
class Spent:
    """Of a process and its children, seconds."""

    wall: float
    cpu: float


def timed(command: Sequence[str], code: Path, folder: Path) -> Spent:
    """Run a command in a folder, with the hw4 of another one.

    Raises:
        SystemExit: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(code), "WANDB_SILENT": "true"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The command line of a benchmark, still without options."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def start(name: str, description: str, argv: Sequence[str] | None = None) -> Record:
    """Read the command line, print what machine this is, and begin a record."""
    parser = make_parser(name, description)
    parser.add_argument("--quick", action="store_true", help="small cells only; leaves no record")
    return begin(name, parser.parse_args(argv).quick)


def begin(name: str, quick: bool) -> Record:
    """Print what machine this is, and begin a record."""
    about = provenance()
    # Where the machine has its files is nobody's business.
    about["command"] = [Path(word).name if os.sep in word else word for word in about["command"]]
    about["packages"][INSTANTSPLAT.distribution] = origin(INSTANTSPLAT)
    record = Record(name, quick, about, os.getloadavg()[0])
    packages = ", ".join(f"{k} {v}" for k, v in about["packages"].items() if k in ("torch", "numpy", "numba"))
    print(f"{about['cpu']}, {about['cpu_count']} cores; Python {about['python']}, {packages}")
    load = f"load average of the minute before {record.load:.2f}"
    print(f"{about['started']}, commit {about['git_commit']}; {load}\n")
    return record
