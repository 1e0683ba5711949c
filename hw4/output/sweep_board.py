"""A running sweep: one line a job, as a live table in a terminal or a line when a job has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hw4.core.scale import MISSING
from hw4.metrics import pose_headline, splat_headline
from hw4.records.files import OK
from hw4.records.progress import JobProgress
from hw4.records.run import Run

RUNNING, REUSED = "running", "finished before"


@dataclass(frozen=True)
class JobLine:
    """One job: its name, the swept values that it has, and what is known of it.

    `run` is what it left once it has ended, `seconds` since it began.
    """

    name: str
    values: dict[str, str]
    progress: JobProgress | None
    run: Run | None
    seconds: float

    @property
    def called(self) -> str:
        """The swept values, or the job's name."""
        return ", ".join(f"{key}={value}" for key, value in self.values.items()) or self.name

    @property
    def status(self) -> str:
        """What became of it."""
        if self.run is None:
            return RUNNING
        return REUSED if self.progress is not None and self.progress.reused else self.run.status

    @property
    def outcome(self) -> str:
        """The headline numbers of a job that has ended, or the metric so far."""
        if self.run is None:
            return self.progress.state if self.progress else ""
        rows = [row for row in (pose_headline(), splat_headline()) if self.run.value(row) is not None]
        return ", ".join(row.said(self.run.value(row)) for row in rows)


def ended_line(job: JobLine, ended: int, total: int | None) -> str:
    """What a log file says of a job that has ended."""
    of = f"/{total}" if total is not None else ""
    parts = [job.status if job.status == OK or job.run is None else f"{job.status}: {job.run.error}"]
    if job.status == REUSED:
        parts = [REUSED]
    parts += [job.outcome] if job.outcome else []
    if job.status != REUSED:
        parts.append(_clock(job.seconds))
    return f"[{ended}{of}] {job.called}: {', '.join(parts)}"


def board(jobs: Sequence[JobLine], total: int | None, seconds: float, height: int) -> Group:
    """The live table: running jobs first, then those that ended last, as many as fit."""
    ended = [job for job in jobs if job.run is not None]
    running = [job for job in jobs if job.run is None]
    rows = [*running, *reversed(ended)][: max(3, height - 7)]
    keys = list(dict.fromkeys(key for job in jobs for key in job.values))
    table = Table()
    for column in ("job", *keys, "progress", "so far", "time", "left"):
        table.add_column(column, overflow="ellipsis", no_wrap=column in ("time", "left", "job"))
    for job in rows:
        values = [job.values.get(key, MISSING) for key in keys]
        progress, left = job.status, ""
        if job.run is None and job.progress is not None:
            progress = f"{job.progress.title} {job.progress.done}/{job.progress.total}"
            left = "" if job.progress.left_s is None else _clock(job.progress.left_s)
        cells = [job.name, *values, progress, job.outcome, _clock(job.seconds), left]
        table.add_row(*map(Text, cells), style="" if job.run is None else "dim")
    failed = sum(job.status not in (OK, REUSED) for job in ended)
    of = f" of {total}" if total is not None else ""
    queued = "" if total is None else f", {max(0, total - len(jobs))} queued"
    words = [f"{len(ended)}{of} jobs have ended, {len(running)} running{queued}"]
    words += [f"{failed} not whole"] if failed else []
    words += [f"{len(jobs) - len(rows)} more not shown"] if len(jobs) > len(rows) else []
    left_s = _left(jobs, ended, total, seconds)
    words += [f"{_clock(seconds)}" + (f", about {_clock(left_s)} left" if left_s is not None else "")]
    return Group(table, Text("; ".join(words)))


def _left(
    jobs: Sequence[JobLine], ended: Sequence[JobLine], total: int | None, seconds: float
) -> float | None:
    """Seconds to the end of the sweep, at the pace so far; jobs that were finished before took none."""
    computed = [job for job in ended if job.status != REUSED]
    if not computed or total is None:
        return None
    return seconds / len(computed) * (total - len(ended))


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
