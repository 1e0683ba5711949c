"""What a run logs, without saying where to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Tracker:
    """Receives what a run logs; this one drops it (``wandb=disabled``), children send it somewhere."""

    url: str | None = None
    drops: bool = True
    """Whether nothing is kept: what is costly to draw need not be."""

    def log(self, values: dict[str, float | None]) -> None:
        """Log scalars; missing ones (None) are left out."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table; a cell that is an (H, W, 3) uint8 array is a picture."""

    def axis(self, prefix: str, name: str) -> None:
        """Draw everything logged as ``<prefix>/...`` against the logged value `name`."""

    def image(self, name: str, image: Path | np.ndarray, at: dict[str, float] | None = None) -> None:
        """Log an image file or an (H, W, 3) uint8 array, together with its values on the axes."""

    def video(self, name: str, path: Path) -> None:
        """Log a video file."""

    def cloud(self, name: str, points: np.ndarray, colors: np.ndarray) -> None:
        """Log a point cloud: (P, 3) points and (P, 3) uint8 colours."""

    def artifact(self, name: str, paths: Sequence[Path], kind: str) -> None:
        """Keep files and folders with the run, together."""

    def summary(self, values: dict[str, Any]) -> None:
        """Set the run's final values."""

    def finish(self, failed: bool = False) -> None:
        """Close the run."""
