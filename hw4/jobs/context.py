"""What every stage of a job gets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from hw4.config import Config
from hw4.tracking.tracker import Tracker


@dataclass
class JobContext:
    """One job's configuration, output folder, console, logger and the results it fills."""

    config: Config
    out_dir: Path
    console: Console
    tracker: Tracker
    results: dict[str, Any]

    def warn(self, text: str) -> None:
        """Tell the person at the terminal."""
        self.console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)
