"""A scene of posed views, whatever data set it comes from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.data.views.depth import DepthFile


@dataclass(frozen=True)
class SceneViews:
    """N photos of one scene with their true cameras. No photo is opened to make one.

    All cameras share one world frame, of any gauge and any scale.

    Attributes:
        scene: its name, unique in the data set; samples of one scene are not independent.
        names: N view names, unique in the scene, as `frames.json` has them; in temporal order where there is
            one.
        paths: N photos.
        cam_from_world: (N, 4, 4) float64 world-to-camera, OpenCV axes (x right, y down, z forward).
        Ks: (N, 3, 3) float64 in pixels of `sizes`, the top-left corner of the image at (0, 0); NaN for a view
            whose K is unknown. None: nothing is known of any.
        sizes: (N, 2) float64 width and height that `Ks` refer to; NaN: those of the photo; (1, 1): `Ks` are
            in units of the photo's width and height. None: all NaN.
        depths: N depth maps, None for a view without; None: no view has one.
        listing: files that all this was read from.
        notes: what a person should know, in sentences: poses left out, lens distortion.
        splits: for each view ``train``, ``val`` or ``test``, as the data set says; None: it does not.
        distorted: whether photos have lens distortion, so that a pinhole camera is not theirs.
        seen: N arrays of the numbers of scene points that a view sees, for `data.overlap`; None: not known.
    """

    scene: str
    names: tuple[str, ...]
    paths: tuple[Path, ...]
    cam_from_world: np.ndarray
    Ks: np.ndarray | None = None
    sizes: np.ndarray | None = None
    depths: tuple[DepthFile | None, ...] | None = None
    listing: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] | None = None
    distorted: bool = False
    seen: tuple[np.ndarray, ...] | None = None

    def __post_init__(self) -> None:
        n = len(self.names)
        shapes = [len(self.paths), len(self.cam_from_world)]
        shapes += [
            len(part)
            for part in (self.Ks, self.sizes, self.depths, self.splits, self.seen)
            if part is not None
        ]
        if any(length != n for length in shapes):
            raise ValueError(f"a scene of {n} views has parts of {shapes}")

    def __len__(self) -> int:
        return len(self.names)
