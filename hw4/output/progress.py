"""Progress of a run at the terminal."""

import time
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hw4.core.scale import MISSING
from hw4.metrics import MEAN_ROTATION
from hw4.output.job_console import JobConsole
from hw4.pose.results import SampleResult
from hw4.records.progress import JobProgress

_Self = TypeVar("_Self", bound="Bar")


class Bar:
    """A bar with a line of state and the time left; nothing where the output is not a terminal."""

    def __init__(self, console: Console, total: int, title: str) -> None:
        self._console = console
        self._title = title
        self._started = time.monotonic()
        self._total, self._done = total, 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=total, state="")
        self._part: TaskID | None = None
        self._part_tenth = 0

    def __enter__(self: _Self) -> _Self:
        self._progress.start()
        self._started = time.monotonic()
        self._tell(0, self._total, "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def part(self, done: int, total: int, what: str) -> None:
        """Show how far a long part of one step is: a bar below, as long as it is not done."""
        tenth = 10 * done // total
        if self._part is not None and tenth < self._part_tenth:
            # The one before was not finished.
            self._end_part()
        if self._part is None:
            self._part = self._progress.add_task(f"  {what}", total=total, state="")
        self._progress.update(self._part, completed=done)
        self._tell(self._done, self._total, f"{done} of {total} {what}")
        if tenth > self._part_tenth:
            self._part_tenth = tenth
            self._line(f"{self._title}: {done} of {total} {what}")
        if done >= total:
            self._end_part()

    def _end_part(self) -> None:
        if self._part is not None:
            self._progress.remove_task(self._part)
        self._part, self._part_tenth = None, 0

    def _tell(self, done: int, total: int, state: str) -> None:
        """The same for whoever shows the sweep that the job belongs to."""
        if isinstance(self._console, JobConsole):
            seconds = time.monotonic() - self._started
            self._console.tell(JobProgress(self._title, done, total, state, seconds))

    def _line(self, text: str) -> None:
        """A line of a log file, which has no bar."""
        if not self._console.is_terminal:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class SampleProgress(Bar):
    """A bar over samples with the running mean rotation error and the time left.

    Where the output is not a terminal (a log file, CI), each sample prints one line instead.
    """

    def __init__(self, console: Console, total: int, title: str) -> None:
        super().__init__(console, total, title)
        self._errors: list[float] = []

    def __call__(self, result: SampleResult, reused: bool) -> None:
        """Count one finished sample."""
        self._done += 1
        if result.error.rotation_deg is not None:
            self._errors.append(result.error.rotation_deg)
        mean = f"{sum(self._errors) / len(self._errors):.2f}°" if self._errors else MISSING
        state = f"{MEAN_ROTATION.label} {mean} over {len(self._errors)} valid"
        self._progress.update(self._task, advance=1, state=state)
        self._tell(self._done, self._total, f"{MEAN_ROTATION.label} {mean}")
        error = result.error.rotation_deg
        outcome = f"{error:.2f}°" if error is not None else f"{result.prediction.status}: {result.reason}"
        again = " (reused)" if reused else ""
        self._line(f"[{self._done}/{self._total}] idx {result.sample.idx}: {outcome}{again}; running {state}")


class StepProgress(Bar):
    """A bar over training steps with one line of state and the time left.

    Where the output is not a terminal, a line is printed every tenth of the way.
    """

    def __init__(self, console: Console, total: int, title: str) -> None:
        super().__init__(console, total, title)
        self._tenth = -1

    def __call__(self, step: int, total: int, state: str) -> None:
        """Show that `step` of `total` steps are done."""
        self._done, self._total = step, total
        self._progress.update(self._task, completed=step, total=total, state=state)
        self._tell(step, total, state)
        tenth = 10 * step // max(total, 1)
        if tenth > self._tenth:
            self._tenth = tenth
            self._line(f"{self._title} [{step}/{total}] {state}")
