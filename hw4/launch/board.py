"""Shows a running sweep from what its jobs leave in their folders, whichever processes they run in."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live

from hw4.output.sweep_board import JobLine, board, ended_line
from hw4.records.files import HYDRA_FOLDER, RESULTS
from hw4.records.labels import given, short
from hw4.records.progress import PROGRESS, read_progress
from hw4.records.run import Run, load_run
from hw4.records.runs import run_folders
from hw4.report.words import who

LOOK_S = 0.5


class SweepBoard:
    """While it is entered, a live table in a terminal; elsewhere a line for each job that has ended.

    Args:
        folder: of the sweep.
        swept: keys that differ between the jobs, as the command line has them.
        total: number of jobs, where it is known.
        console: where it is shown.
    """

    def __init__(self, folder: Path, swept: Sequence[str], total: int | None, console: Console) -> None:
        self._folder, self._total, self._console = folder, total, console
        self._names = short(list(swept))
        self._clock = time.monotonic()
        # An earlier try of the same sweep; by their times alone, for clocks of machines differ.
        self._before = {path: _changed(path) for run in run_folders(folder) for path in _signs(run)}
        self._ended: dict[Path, Run] = {}
        self._begun: dict[Path, float] = {}
        self._said = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._live = (
            Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        )

    def __enter__(self) -> "SweepBoard":
        if self._live is not None:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
        if self._live is not None:
            self._live.stop()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        try:
            jobs = self._jobs()
        except OSError:
            # A folder that goes while it is read; the next look sees what is left.
            return
        if self._live is not None:
            seconds = time.monotonic() - self._clock
            self._live.update(board(jobs, self._total, seconds, self._console.height), refresh=True)
            return
        ended = [job for job in jobs if job.run is not None]
        ended.sort(key=lambda job: list(self._ended).index(job.run.folder) if job.run else 0)
        for job in ended[self._said :]:
            self._said += 1
            self._console.print(ended_line(job, self._said, self._total), soft_wrap=True, highlight=False)

    def _jobs(self) -> list[JobLine]:
        found = []
        for folder in run_folders(self._folder):
            if not any(map(self._is_new, _signs(folder))):
                continue
            self._begun.setdefault(folder, time.monotonic())
            progress = read_progress(folder) if self._is_new(folder / PROGRESS) else None
            is_over = self._is_new(folder / RESULTS) or bool(progress and progress.reused)
            if folder not in self._ended and is_over:
                self._ended[folder] = load_run(folder, folder.name)
            run = self._ended.get(folder)
            seconds = time.monotonic() - self._begun[folder]
            if run is not None:
                seconds = float(run.results.get("seconds") or 0.0)
            name = folder.relative_to(self._folder).as_posix()
            values = given(Run(name, folder, "", None, {}, {})) or {}
            own = {short: values[key] for key, short in self._names.items() if key in values}
            found.append(JobLine(name, own, progress, run, seconds))
        return found

    def _is_new(self, path: Path) -> bool:
        changed = _changed(path)
        return changed is not None and changed != self._before.get(path)


def _signs(folder: Path) -> list[Path]:
    """The files that a job begins and ends with."""
    return [folder / name for name in (PROGRESS, RESULTS, f"{HYDRA_FOLDER}/overrides.yaml")]


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def repeated_warnings(runs: Sequence[Run]) -> list[str]:
    """What the jobs of a sweep warned of, each once, with the jobs that it is about."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for text in dict.fromkeys(run.results.get("warnings") or ()):
            found.setdefault(str(text), []).append(run.title)
    every = [run.title for run in runs]
    return [f"{text} ({who(names, every)})" if len(every) > 1 else text for text, names in found.items()]
