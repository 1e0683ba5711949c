"""A sweep from outside, ``hw4 runs --watch``: how many jobs are over, run and wait, and the time left."""

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hw4.core.cache import LOCK, MARK
from hw4.core.errors import UserError
from hw4.launch.submitted import Going, Submitted, read_submitted
from hw4.records.files import FAILED, PLAN, RESULTS, read_json
from hw4.records.runs import run_folders

EVERY_S = 5.0


@dataclass(frozen=True)
class Standing:
    """Counts of a sweep's jobs.

    Attributes:
        total: how many there are to be; None where a search decides it while it runs.
        done: whole or incomplete ones; `failed`: ended by an error; `running`; `stopped`: begun, without an
            end, and worked on by nobody.
        waiting: submitted ones that wait for a cluster, for the first time or again, and those of a sweep at
            work that are about to run.
        launched: whether the sweep's own process is at work, which starts jobs or waits for them.
        seconds: mean time of those that are over, or None.
    """

    total: int | None
    done: int
    failed: int
    running: int
    stopped: int
    waiting: int
    launched: bool
    seconds: float | None

    @property
    def queued(self) -> int:
        """Jobs that have not begun, or wait to go on."""
        begun = self.done + self.failed + self.running + self.stopped
        return max(self.waiting, (self.total or 0) - begun)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for: jobs that nobody will start are not waited for."""
        return not (self.running or self.waiting or self.launched)

    def words(self) -> str:
        """One line."""
        of = "" if self.total is None else f" of {self.total}"
        queued = "never begun" if self.is_over and self.queued else "queued"
        counts = {"failed": self.failed, "running": self.running, queued: self.queued}
        counts |= {"stopped": self.stopped} if self.stopped else {}
        line = f"{self.done}{of} done, " + ", ".join(f"{count} {what}" for what, count in counts.items())
        left = self.running + self.queued
        if self.seconds is None or not left or not self.running:
            return line
        return f"{line}; about {_said(self.seconds * left / self.running)} left"


def _said(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def newest_sweep(parent: Path) -> Path:
    """The sweep below a folder that was begun last.

    Raises:
        UserError: there is none.
    """
    found = sorted(parent.rglob(PLAN), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"no sweep lies in {parent}; give the folder of one: hw4 runs --watch <folder>.")
    return found[-1].parent


def standing(sweep: Path, going: Going) -> Standing:
    """How a sweep stands, by what its jobs have left and a cluster says; nothing on disk is changed."""
    total = (read_json(sweep / PLAN) or {}).get("n_jobs")
    launched = is_held(sweep / MARK)
    held = {folder for folder in run_folders(sweep) if is_held(folder / LOCK)}
    submitted = {sweep / name: job for name, job in read_submitted(sweep).items()}
    waiting = {folder for folder, job in submitted.items() if folder not in held and _waits(job, going)}
    done = failed = running = stopped = beginning = 0
    times = []
    for folder in run_folders(sweep):
        results = read_json(folder / RESULTS)
        # An earlier try of the job may have left its end there.
        if folder in held:
            running += 1
        elif folder in waiting:
            continue
        elif results is None and launched:
            # Its process imports, or its turn comes again.
            beginning += 1
        elif results is None:
            stopped += 1
        elif results.get("status") == FAILED:
            failed += 1
        else:
            done += 1
            times += [float(results["seconds"])] if results.get("seconds") else []
    mean = sum(times) / len(times) if times else None
    known = total if isinstance(total, int) else None
    return Standing(known, done, failed, running, stopped, len(waiting) + beginning, launched, mean)


def _waits(job: Submitted, going: Going) -> bool:
    try:
        return going.has(job)
    except UserError:
        # Where there is no SLURM to ask, what lies in the folders has to do.
        return False


def is_held(lock: Path) -> bool:
    """Whether a process of this machine, or of one that shares its locks, works under a lock."""
    try:
        handle = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def watch(sweep: Path, console: Console, every: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Print a sweep's standing whenever it changes, until it is over or Ctrl-C.

    Raises:
        UserError: the folder is none of a sweep.
    """
    if not (sweep / PLAN).is_file():
        raise UserError(f"{sweep} is not the folder of a sweep (it has no {PLAN}).")
    console.print(f"Sweep: {sweep}", soft_wrap=True, highlight=False, markup=False)
    before, going = None, Going()
    while True:
        now = standing(sweep, going)
        if now != before:
            console.print(f"{time.strftime('%H:%M:%S')}  {now.words()}", highlight=False, soft_wrap=True)
        if now.is_over:
            return
        before = now
        sleep(every)
