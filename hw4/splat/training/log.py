"""What a training run logs, kept beside its checkpoint so that a resumed or reused run can tell it again."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hw4.core.durable import write_bytes
from hw4.splat.pictures import png_bytes
from hw4.splat.training.listeners import Listeners

FOLDER = "training_views"
TRAIN_VIEW = "train_view"


def _renders(folder: Path) -> dict[int, Path]:
    return {int(path.stem): path for path in sorted((folder / FOLDER).glob("*.png")) if path.stem.isdigit()}


class TrainingLog:
    """Hands metrics and renders of a run on, and keeps the renders as ``training_views/<step>.png``.

    Args:
        folder: the run's folder.
        listeners: of whom those of metrics and images are told.
    """

    def __init__(self, folder: Path, listeners: Listeners) -> None:
        self._folder, self._on_metrics, self._on_image = folder, listeners.metrics, listeners.image

    def metrics(self, step: int, record: dict[str, float]) -> None:
        """Hand on the metrics of a step."""
        if self._on_metrics is not None:
            self._on_metrics(step, record)

    def render(self, step: int, pixels: np.ndarray) -> None:
        """Keep and hand on a render of the first training view.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        write_bytes(self._folder / FOLDER / f"{step:07d}.png", png_bytes(pixels))
        if self._on_image is not None:
            self._on_image(step, TRAIN_VIEW, pixels)

    def forget_after(self, step: int) -> None:
        """Remove renders of later steps, which another or a killed run has left."""
        for later, path in _renders(self._folder).items():
            if later > step:
                path.unlink(missing_ok=True)

    def replay(self, history: list[dict[str, Any]]) -> None:
        """Hand on the records of a history and the renders that are kept, in the order of their steps."""
        renders = _renders(self._folder)
        records = {
            int(record["step"]): {k: v for k, v in record.items() if k != "step"} for record in history
        }
        for step in sorted({*renders, *records}):
            if step in records:
                self.metrics(step, records[step])
            if step in renders and self._on_image is not None:
                with Image.open(renders[step]) as image:
                    self._on_image(step, TRAIN_VIEW, np.array(image.convert("RGB")))
