"""Do the frames of a sequence hold views of their own, or only a blend of the two photos at its ends?

Video models asked for the views between two photos far apart often fade one into the other. Such frames hold
no parallax: whatever a model says about them, it did not see the scene from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.data.photos import open_upright

# Coarse: details that resampling or compression changes must not count.
SIZE = 32
ZOOMS = np.linspace(1.0, 1.6, 25)
# True views between the photos stay far below: at most 0.51 for any sequence of TUM RGB-D.
MIN_EXPLAINED = 0.9
# Two photos this alike explain every frame between them.
MAX_ENDS_ALIKE = 0.8


@dataclass(frozen=True)
class Crossfade:
    """How well blends of the two end photos explain the frames between them.

    Attributes:
        explained: (N,) share of each frame's variance that the best blend explains, at most 1.
        zoom: (N,) the zoom of that blend, 1: none.
        ends_alike: share of one photo's variance that the other explains.
    """

    explained: np.ndarray
    zoom: np.ndarray
    ends_alike: float

    @property
    def found(self) -> bool:
        """Whether every frame is such a blend, and the photos differ enough to tell."""
        return len(self.explained) > 0 and bool(
            self.explained.min() >= MIN_EXPLAINED and self.ends_alike <= MAX_ENDS_ALIKE
        )

    def __str__(self) -> str:
        zoom = f" and zoom up to {self.zoom.max():.2f} times" if self.zoom.max() > 1.01 else ""
        return (
            f"the {len(self.explained)} middle frames only fade one photo into the other{zoom}: such blends "
            f"explain at least {100 * self.explained.min():.1f} % of each, so they show no view between them"
        )


def _gray(image: Image.Image, zoom: float = 1.0) -> np.ndarray:
    width, height = image.size
    dx, dy = (1 - 1 / zoom) / 2 * width, (1 - 1 / zoom) / 2 * height
    box = (dx, dy, width - dx, height - dy)
    small = image.convert("L").resize((SIZE, SIZE), Image.Resampling.BOX, box=box)
    return np.asarray(small, dtype=float).ravel()


def _explained(target: np.ndarray, parts: Sequence[np.ndarray]) -> float:
    """R² of the least-squares fit of `target` by `parts` and a constant."""
    design = np.stack([*parts, np.ones_like(target)], axis=1)
    weights = np.linalg.lstsq(design, target, rcond=None)[0]
    total = ((target - target.mean()) ** 2).sum()
    return 1.0 if total == 0 else float(1 - ((target - design @ weights) ** 2).sum() / total)


def diagnose_sequence(paths: Sequence[Path]) -> str | None:
    """What is wrong with the frames between two photos, in words; None: nothing was found.

    Args:
        paths: the photos of one sample, in order.

    Raises:
        UserError: a photo cannot be read.
    """
    if len(paths) < 3:
        return None
    crossfade = measure_crossfade([open_upright(path) for path in paths])
    return str(crossfade) if crossfade.found else None


def measure_crossfade(images: Sequence[Image.Image]) -> Crossfade:
    """Fit every middle frame by a blend of the first and last image under a common zoom about the centre.

    Args:
        images: the sequence, the two photos first and last; of one aspect ratio.
    """
    ends = images[0], images[-1]
    zoomed = [[_gray(end, zoom) for end in ends] for zoom in ZOOMS]
    fits = np.array(
        [[_explained(_gray(frame), parts) for parts in zoomed] for frame in images[1:-1]]
    ).reshape(-1, len(ZOOMS))
    alike = _explained(zoomed[0][0], zoomed[0][1:])
    return Crossfade(fits.max(axis=1, initial=-np.inf), ZOOMS[fits.argmax(axis=1)], alike)
