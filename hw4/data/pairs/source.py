"""Where pairs come from: what every data set of pairs says of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config import DataConfig


@dataclass(frozen=True)
class TruePair:
    """What is true of a pair.

    Attributes:
        cam_from_world: (2, 4, 4) world-to-camera of the photos, OpenCV axes; translation NaN where unknown.
        Ks: (2, 3, 3) intrinsics in pixels of the photos, or None.
    """

    cam_from_world: np.ndarray
    Ks: np.ndarray | None = None


def chosen(config: DataConfig, numbers: Sequence[int]) -> list[int]:
    """Those of a data set's samples that `data.sample` and `data.limit` leave, in order."""
    found = [number for number in numbers if config.sample in (None, number)]
    return found[: config.limit]


class PairSource(ABC):
    """Numbered pairs of photos with their true cameras.

    Attributes:
        root: the data set's folder.
        listed_in: file or folder that says which samples there are, for sentences.
        frames_root: folder of ``<idx>/<generator>/*frame<N>.png``, the videos between the photos.
        generator: the video that is used where none is named.
        chosen_by: how the command line chooses this data set: ``data=pairs data.root=folder``.
    """

    root: Path
    listed_in: Path
    frames_root: Path
    generator: str
    chosen_by: str

    @abstractmethod
    def photos(self, must_exist: bool = True) -> Mapping[int, tuple[Path, Path]]:
        """The two photos of each sample by its number, in order; a file of them may be missing.

        Args:
            must_exist: whether the photos are to be read: False where only the cameras are scored.

        Raises:
            UserError: the list of samples cannot be used, or the photos as a whole.
        """

    @abstractmethod
    def truth(self, idx: int) -> TruePair:
        """The true cameras of a sample.

        Raises:
            ValueError: those of this sample cannot be used; the message says why.
            UserError: the ground truth as a whole cannot be used.
        """
