"""One thing to look at in the viewer: clouds, cameras with photos, splats, ground truth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class ShownCamera:
    """A camera to draw.

    Attributes:
        name: for the list of things in the scene.
        cam_from_world: (3, 4).
        K: (3, 3) in pixels of an image of `size` (width, height), or None where unknown.
        photo: the image file, or None where it is no longer there.
        color: of its frame, or None for the viewer to choose.
        strip: of a test view, a picture of its photo, the render and their difference side by side, or None.
    """

    name: str
    cam_from_world: np.ndarray
    K: np.ndarray | None
    size: tuple[int, int]
    photo: Path | None
    color: tuple[int, int, int] | None = None
    strip: Path | None = None


@dataclass
class View3D:
    """One thing to look at; everything in one world frame.

    Attributes:
        points: (P, 3), surest first where `conf` is known.
        colors: (P, 3) uint8.
        conf: (P,) or None.
        cameras: predicted; `truth`: true ones.
        splats: 3DGS ``.ply``, or None.
        words: what there is to know, and what is missing and why, one sentence each.
        any_scale: whether its unit of length means nothing, as a prediction's: two are drawn equally large.
    """

    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    colors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    conf: np.ndarray | None = None
    cameras: list[ShownCamera] = field(default_factory=list)
    truth: list[ShownCamera] = field(default_factory=list)
    splats: Path | None = None
    words: list[str] = field(default_factory=list)
    any_scale: bool = True


@dataclass(frozen=True)
class Subject:
    """An entry of the viewer's list.

    Attributes:
        name: what of a run it is (``idx 3``).
        load: reads its files.
        outcome: its error or score in words.
        error: sorts the entries of a run, the largest first; None: after them.
        group: the run that it belongs to, where there are several.
        photos: the names of its first and last photo; entries of one name and other photos are not the same.
    """

    name: str
    load: Callable[[], View3D]
    outcome: str = ""
    error: float | None = None
    group: str = ""
    photos: tuple[str, ...] = ()

    @property
    def entry(self) -> str:
        """Name and outcome, as the list of its run has it."""
        return f"{self.name} ({self.outcome})" if self.outcome else self.name

    @property
    def label(self) -> str:
        """Its entry behind its run's name."""
        return f"{self.group}: {self.entry}" if self.group else self.entry

    def is_of_same(self, other: "Subject") -> bool:
        """Whether it shows the same sample or scene as another run's entry."""
        return (self.name, self.photos) == (other.name, other.photos)
