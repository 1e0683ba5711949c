"""Sweeps in a process of their own: started, waited for, killed, and what they left behind."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.support import forked

Process = forked.Forked | subprocess.Popen[bytes]

SMALL = ["task=pose", "model=sfm", "data.pairs=2", "data.frames=3", "metrics.bootstrap=20", "wandb=disabled"]


def start(overrides: list[str], folder: Path) -> Process:
    where = [f"hydra.sweep.dir={folder / 'sweep'}", f"cache.root={folder / 'cache'}"]
    arguments = ["-m", *SMALL, *overrides, *where]
    with (folder / "log.txt").open("ab") as log:
        return forked.start(arguments, module="hw4", cwd=folder, stdout=log.fileno(), stderr=log.fileno())


def kill_all(process: Process) -> None:
    """SIGKILL to the sweep and to every worker that it started."""
    parent = psutil.Process(process.pid)
    for one in [*parent.children(recursive=True), parent]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def lines(folder: Path, pattern: str) -> list[str]:
    return [line for path in folder.glob(pattern) for line in path.read_text().splitlines()]


def results(folder: Path) -> dict[Path, int]:
    """Each finished job's results, and when they were written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("sweep/*/results.json")}


def wait_for(process: Process, folder: Path, holds: Callable[[], bool]) -> None:
    """Wait until something holds, while the sweep goes on."""
    deadline = time.monotonic() + 240
    while not holds():
        assert process.poll() is None and time.monotonic() < deadline, (folder / "log.txt").read_text()
        time.sleep(0.01)


def table(folder: Path) -> list[object]:
    content = json.loads((folder / "sweep" / "comparison.json").read_text())
    return [
        (job["settings"], job["results"]["pose"]["metrics"], job["results"]["pose"]["n_valid"])
        for job in content["jobs"]
    ]
