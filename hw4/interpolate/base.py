"""What every interpolator must provide."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np


class Interpolator(ABC):
    """Makes the frames of a video that leads from one photo to another.

    A child provides `frames` and `options`; everything it needs (weights, device) is given to its
    constructor. `frames` must not write files and must not depend on earlier calls. `hw4.interpolate.write`
    puts the frames on disk as ``<idx>/<generator>/<idx>_frame<N>.png``; frames from elsewhere that lie there
    (DynamiCrafter's, say) serve as well, without any child.
    """

    name: str

    @abstractmethod
    def frames(self, first: np.ndarray, last: np.ndarray, count: int) -> Sequence[np.ndarray]:
        """Make the video.

        Args:
            first: (H, W, 3) uint8 RGB photo.
            last: (H, W, 3) uint8 RGB photo of the same size.
            count: number of frames, at least 3.

        Returns:
            `count` frames (H, W, 3) uint8 in order, evenly spaced in time; the first and the last show the
            two photos (who reads the folder drops them and takes the photos).

        Raises:
            InterpolationFailed: no frames could be made of these photos; the message is the reason.
        """

    @abstractmethod
    def options(self) -> dict[str, object]:
        """What decides the frames besides the photos and their number; JSON-serialisable."""


class InterpolationFailed(Exception):
    """This pair has no frames; the message says why. The run records it and goes on."""


def times(count: int) -> np.ndarray:
    """(count,) evenly spaced from 0, the first photo, to 1, the last."""
    return np.linspace(0.0, 1.0, count)
