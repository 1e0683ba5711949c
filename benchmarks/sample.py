"""The generated data on all cores against one, and the first compilation of the kernels.

    python -m benchmarks.sample [--quick]

Kernels are compiled in processes of their own, into an empty cache and then out of it.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from benchmarks.measure import Ratio, Record, start
from hw4.config import SampleConfig
from hw4.core.cores import usable_cores
from hw4.data.sample import write

ROOT = Path(__file__).resolve().parents[1]


def _written(config: SampleConfig, cores: int) -> tuple[float, str]:
    """Seconds for a set, and a hash of its names and bytes."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(write, "usable_cores", lambda: cores):
        began = time.perf_counter()
        write.write_sample(Path(folder), config)
        spent = time.perf_counter() - began
        content = hashlib.sha256()
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                content.update(f"{path.relative_to(folder)}".encode() + path.read_bytes())
    return spent, content.hexdigest()


def generated(record: Record) -> None:
    """A set of the default size, by one thread and by one for each core."""
    config = SampleConfig(pairs=10 if record.quick else 40)
    _written(SampleConfig(pairs=1, frames=3, width=48, height=36), 1)
    spent: dict[int, float] = {}
    contents = set()
    for turn in range(4):
        for cores in sorted({1, usable_cores()}, reverse=turn % 2 == 1):
            seconds, content = _written(config, cores)
            spent[cores] = min(spent.get(cores, seconds), seconds)
            contents.add(content)
    record.add(
        Ratio(
            f"Generated data on {usable_cores()} cores",
            f"{config.pairs} pairs with {config.frames} frames between, and a scene",
            "one core",
            spent[usable_cores()],
            spent[1],
            "the same bytes" if len(contents) == 1 else "OTHER BYTES",
            1.8,
        )
    )


def compiled(record: Record) -> None:
    """What the first splat of an installation would wait for, had `make setup` not done it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "PYTHONPATH": str(ROOT)}
        spent = []
        for _ in range(2):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "hw4.splat.compile_kernels"], env=environment, cwd=folder, check=True
            )
            spent.append(time.perf_counter() - began)
    record.add(
        Ratio("A first iteration, kernels compiled before", "a new process", "compiling", spent[1], spent[0])
    )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("sample", __doc__ or "", argv)
    generated(record)
    compiled(record)
    record.save()


if __name__ == "__main__":
    main()
