"""Jobs that go on without the launcher that submitted them: SLURM's, and submitit's on this machine."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hw4.core.durable import write_json
from hw4.core.errors import UserError
from hw4.records.files import read_json

# In the sweep's folder.
SUBMITTED = "submitted.json"
SLURM, LOCAL = "slurm", "local"
# More often a cluster's queue is not asked.
ASK_S = 20.0


@dataclass(frozen=True)
class Submitted:
    """A job that was submitted.

    Attributes:
        cluster: `SLURM` or `LOCAL`.
        id: SLURM's, such as ``12_3``, or the number of the process.
        host: where it was submitted; numbers of processes are of that machine only.
        folder: submitit's for it, in which ``%j`` stands for the id.
        overrides: the job's.
    """

    cluster: str
    id: str
    host: str
    folder: str
    overrides: list[str]


def read_submitted(sweep: Path) -> dict[str, Submitted]:
    """What was submitted for a sweep last, by the name of the job's folder."""
    found = (read_json(sweep / SUBMITTED) or {}).get("jobs")
    try:
        return {name: Submitted(**job) for name, job in found.items()} if found else {}
    except (AttributeError, TypeError):
        return {}


def write_submitted(sweep: Path, jobs: Mapping[str, Submitted]) -> None:
    """Keep, durably, what is submitted.

    Raises:
        UserError: it cannot be written.
    """
    write_json(sweep / SUBMITTED, {"jobs": {name: asdict(job) for name, job in jobs.items()}})


def this_host() -> str:
    """The name of this machine."""
    return socket.gethostname()


class Going:
    """Which jobs still wait or run; SLURM is asked for all of them at once, and not too often."""

    def __init__(self, every: float = ASK_S) -> None:
        self._every = every
        self._asked = float("-inf")
        self._queue: frozenset[str] = frozenset()
        self._silent: UserError | None = None

    def has(self, job: Submitted) -> bool:
        """Whether the job waits, runs, or is about to be run again.

        Raises:
            UserError: SLURM does not answer.
        """
        if job.cluster == LOCAL:
            return job.host == this_host() and _runs(job)
        if time.monotonic() - self._asked >= self._every:
            self._asked, self._silent = time.monotonic(), None
            try:
                self._queue = _queue()
            except UserError as error:
                self._silent = error
        if self._silent is not None:
            raise self._silent
        return job.id in self._queue


def _queue() -> frozenset[str]:
    """The ids of this user's jobs that are pending, running, suspended or completing."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--user={os.getuid()}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise UserError(
            f"SLURM does not say which jobs wait or run ({said[-1] if said else 'squeue failed'}): jobs of "
            "this sweep may still do. Try again later."
        ) from error
    return frozenset(done.stdout.split())


def _runs(job: Submitted) -> bool:
    """Whether a process of that number is submitit's for the job; numbers are given out again."""
    import psutil

    try:
        return any(job.folder in word for word in psutil.Process(int(job.id)).cmdline())
    except psutil.Error:
        return False
