"""Who is told of a training while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hw4.data.scenes.scene import Scene
    from hw4.splat.start import Initialisation
    from hw4.splat.training.step import TrainingRun

OnMetrics = Callable[[int, dict[str, float]], None]
OnImage = Callable[[int, str, np.ndarray], None]
OnProgress = Callable[[int, int, str], None]
OnState = Callable[["TrainingRun", bool], None]
Watch = Callable[["Scene", "Initialisation"], OnState]
"""Called before training, with the scene in the world of training; what it returns is told the state."""


@dataclass(frozen=True)
class Listeners:
    """What is called during a training; None: nothing.

    Attributes:
        metrics: every `splat.log_every` steps, with the step and its metrics; first with those of the steps
            that are taken up from an earlier run.
        image: likewise every `splat.render_every` steps, with the step, a name and a render of the first
            training view, (H, W, 3) uint8.
        progress: after every step, with the step, the number of iterations and one line of state.
        state: after every step, with the run as it stands, to be read alone, and False; with True once more
            when training is over, for whatever reason.
    """

    metrics: OnMetrics | None = None
    image: OnImage | None = None
    progress: OnProgress | None = None
    state: OnState | None = None


NOBODY = Listeners()
