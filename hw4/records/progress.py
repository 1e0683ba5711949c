"""How far a running job is, in a file of its folder: another process shows it."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from hw4.core.durable import write_json
from hw4.records.files import read_json

PROGRESS = "progress.json"
# More often nobody looks.
EVERY_S = 0.5


@dataclass(frozen=True)
class JobProgress:
    """What a job is at.

    Attributes:
        title: of the part it is in.
        done: of `total` samples or steps.
        state: the metric so far, in words.
        seconds: since that part began.
        reused: whether the job was finished before and is not run again.
    """

    title: str
    done: int = 0
    total: int = 0
    state: str = ""
    seconds: float = 0.0
    reused: bool = False

    @property
    def left_s(self) -> float | None:
        """Seconds to the end of the part, at its mean speed; None before its first step."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


class ProgressFile:
    """Writes a job's progress, not oftener than it is read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PROGRESS
        self._last = 0.0

    def write(self, progress: JobProgress) -> None:
        """Write it, unless that was done a moment ago; one that cannot be written is nobody's failure."""
        now = time.monotonic()
        if now - self._last < EVERY_S and progress.done < progress.total:
            return
        self._last = now
        try:
            write_json(self.path, asdict(progress))
        except OSError:
            return


def read_progress(folder: Path) -> JobProgress | None:
    """What `ProgressFile` wrote, or None."""
    found = read_json(folder / PROGRESS)
    try:
        return None if found is None else JobProgress(**found)
    except TypeError:
        return None
