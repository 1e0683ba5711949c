"""What every stage of a job gets."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from hw4.config import Config
from hw4.tracking.tracker import Tracker

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel


@dataclass
class JobContext:
    """One job's configuration, output folder, console, logger and the results it fills.

    `at_end` is closed when the job ends.
    """

    config: Config
    out_dir: Path
    console: Console
    tracker: Tracker
    results: dict[str, Any]
    at_end: ExitStack = field(default_factory=ExitStack)

    def build_model(self) -> "ReconstructionModel":
        """The model of `model=`, closed when the job ends.

        Raises:
            UserError: it cannot be built.
        """
        # Only models with weights import torch, and only stages with a model need this.
        from hw4.models.registry import build_model

        model = build_model(self.config.model)
        self.at_end.callback(model.close)
        model.open(self.out_dir)
        return model

    def warn(self, text: str) -> None:
        """Tell the person at the terminal; a sweep says what several jobs warn of once, at its end."""
        self.results.setdefault("warnings", []).append(text)
        self.console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)
