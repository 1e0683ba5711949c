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
    """

    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    colors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    conf: np.ndarray | None = None
    cameras: list[ShownCamera] = field(default_factory=list)
    truth: list[ShownCamera] = field(default_factory=list)
    splats: Path | None = None
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """An entry of the viewer's list; `load` reads its files.

    `group` is the run that it belongs to, where there are several; `error` sorts the entries of a run.
    """

    label: str
    load: Callable[[], View3D]
    group: str = ""
    error: float | None = None

    @property
    def short(self) -> str:
        """Its label without the run's."""
        return self.label.removeprefix(f"{self.group}: ")
