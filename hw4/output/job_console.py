"""The console of one job of a sweep: its words go into a file, its progress to whoever shows the sweep."""

from pathlib import Path
from typing import Any

from rich.console import Console

from hw4.output.terminal import LOG_WIDTH
from hw4.records.progress import JobProgress, ProgressFile

JOB_LOG = "job.log"


class JobConsole(Console):
    """Prints into ``job.log`` of the job's folder, as plain text."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / JOB_LOG).open("w", encoding="utf-8")
        super().__init__(file=self._log, width=LOG_WIDTH, markup=False, no_color=True)
        self._progress = ProgressFile(folder)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print and write it out, so that nothing is lost where the job is killed."""
        super().print(*objects, **options)
        self._log.flush()

    def tell(self, progress: JobProgress) -> None:
        """Say how far the job is."""
        self._progress.write(progress)

    def close(self) -> None:
        """End the file."""
        self._log.close()
