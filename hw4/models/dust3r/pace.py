"""How far the network is with the pairs of a scene, and what they will take."""

import logging
import time
from collections.abc import Callable

from hw4.core.scale import in_units

log = logging.getLogger(__name__)

# Seconds of work before anybody is told of it.
PATIENCE = 2.0


class Pace:
    """Told how many pairs are predicted; says once, in a line, what all of them take.

    Args:
        n_views, n_pairs: of the scene.
        n_missing: pairs that have to be predicted.
        n_bytes: that the predictions take.
        on_step: see `ReconstructionModel.on_step`.
    """

    def __init__(
        self,
        n_views: int,
        n_pairs: int,
        n_missing: int,
        n_bytes: int,
        on_step: Callable[[int, int, str], None] | None,
    ) -> None:
        self._scene = f"{n_views} views, {n_pairs} pairs, {in_units(n_bytes)} of predicted points"
        self._n_pairs, self._n_missing, self._on_step = n_pairs, n_missing, on_step
        self._done = 0
        self._began = time.monotonic()
        self._said = False

    def count(self, n: int) -> None:
        """So many more pairs are there."""
        self._done += n
        spent = time.monotonic() - self._began
        left = spent / max(self._done, 1) * (self._n_missing - self._done)
        if not self._said:
            if spent + left < PATIENCE:
                return
            self._said = True
            log.warning("%s: the network is at work for about %s", self._scene, duration(spent + left))
        if self._on_step is not None:
            done = self._n_pairs - self._n_missing + self._done
            self._on_step(done, self._n_pairs, "pairs of views")


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
