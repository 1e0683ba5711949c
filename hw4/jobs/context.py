"""What every stage of a job gets."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from hw4.config import Config
from hw4.config.decides import model_address
from hw4.output.progress import Bar
from hw4.tracking.tracker import Tracker

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel

_AnyBar = TypeVar("_AnyBar", bound=Bar)


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
    _bar: Bar | None = None

    @contextmanager
    def showing(self, bar: _AnyBar) -> Iterator[_AnyBar]:
        """The bar, open; what the model tells of a long reconstruction is shown in it."""
        with bar:
            self._bar = bar
            try:
                yield bar
            finally:
                self._bar = None

    def _on_step(self, done: int, total: int, what: str) -> None:
        if self._bar is not None:
            self._bar.part(done, total, what)

    def build_model(self) -> "ReconstructionModel":
        """The model of `model=`, closed when the job ends.

        Raises:
            UserError: it cannot be built.
        """
        # Only models with weights import torch, and only stages with a model need this.
        from hw4.models.registry import build_model

        model = build_model(self.config.model)
        model.on_step = self._on_step
        model.scratch = self.scratch()
        self.at_end.callback(model.close)
        model.open(self.out_dir)
        return model

    def scratch(self) -> Path | None:
        """Where the model keeps what a killed reconstruction would go on from, if it may."""
        from hw4.models.registry import model_labels

        config = self.config
        if not config.cache.reuse:
            return None
        address = model_address(config, model_labels(config.model).fingerprint)
        return Path(config.cache.root) / "pairs" / address

    @property
    def cache_root(self) -> Path | None:
        """Where results may be kept and taken from; None with ``cache.reuse=false``."""
        cache = self.config.cache
        return Path(cache.root) if cache.reuse else None

    def warn(self, text: str) -> None:
        """Tell the person at the terminal; a sweep says what several jobs warn of once, at its end."""
        self.results.setdefault("warnings", []).append(text)
        self.console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)
