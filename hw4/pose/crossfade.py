"""Do the frames of a sequence hold views of their own, or only what the two photos at its ends show?

Video models asked for the views between two photos far apart often fade one into the other, jump from one to
the other, or stand still. Such frames hold no parallax: whatever a model says about them, it did not see the
scene from there.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.data.photos import open_upright

# Coarse: details that resampling or compression changes must not count.
SIZE = 24
# Pixels of the grey squares that the zooms and pans are cut from.
SOURCE_SIZE = 72
# Only what lies this far inside (share of a side) is compared, so that pans up to it show no border.
MARGIN = 0.06
PANS = np.linspace(-MARGIN, MARGIN, 11)
ZOOMS = np.linspace(1.0, 1.6, 19)
# A blend explains this share of a frame's variance, and leaves at most half of what one photo alone leaves.
MIN_EXPLAINED = 0.9
MAX_LEFT = 0.5
# A copy: one photo explains this share, unmoved.
MIN_COPY = 0.97
# The same picture twice, up to compression.
MIN_SAME = 0.99
# Photos this alike explain every frame between them: the mean of two small steps looks like the step between.
MAX_ENDS_ALIKE = 0.8
# Grey levels of 255: the spread of a picture that shows nothing.
MAX_BLANK = 2.0
# From so many frames on, one that is no blend does not speak against a fade.
FRAMES_FOR_STRAY = 4

BLANK, COPY, MOVED, BLEND, VIEW = "blank", "copy", "moved copy", "blend", "view"
FADE, CUT, FROZEN, NOTHING = "fade", "cut", "frozen", "nothing"


@dataclass(frozen=True)
class FrameSources:
    """What the two photos at the ends explain of each of the N frames between them.

    Attributes:
        kinds: (N,) ``blank``; ``copy`` of one photo; ``moved copy``: of one photo zoomed or panned, as
            a camera sees that turns or nears something flat; ``blend`` of both under a common zoom and pan;
            ``view``: none of these.
        copied: (N,) the photo that explains the frame better, 0: the first, 1: the last.
        explained: (N,) share of the frame's variance that the best blend explains, at most 1.
        zoom: (N,) the zoom of that blend, 1: none.
        pan: (N, 2) its pan along x and y, in shares of the sides.
        ends_alike: share of one photo's variance that the other explains under a zoom and pan.
        same: whether all frames are one and the same picture.
    """

    kinds: tuple[str, ...]
    copied: np.ndarray
    explained: np.ndarray
    zoom: np.ndarray
    pan: np.ndarray
    ends_alike: float
    same: bool

    @property
    def verdict(self) -> str:
        """What is wrong with the frames: ``blank``, ``frozen``, ``cut``, ``fade``; or ``nothing``.

        Nothing is said of frames between photos that are too alike to tell.
        """
        n = len(self.kinds)
        if n and all(kind == BLANK for kind in self.kinds):
            return BLANK
        if n == 0 or self.ends_alike > MAX_ENDS_ALIKE:
            return NOTHING
        copies, blends = self.kinds.count(COPY), self.kinds.count(BLEND)
        if (copies == n and len(set(self.copied)) == 1) or (n > 1 and self.same):
            return FROZEN
        if self.faded.sum() >= n - (n >= FRAMES_FOR_STRAY) and 3 * blends >= n:
            return FADE
        return CUT if copies + blends == n else NOTHING

    @property
    def faded(self) -> np.ndarray:
        """(N,) which frames a fade can hold: a fade that pans starts and ends with moved copies."""
        return np.array([kind in (COPY, MOVED, BLEND) for kind in self.kinds], bool)

    @property
    def found(self) -> bool:
        """Whether the frames only fade one photo into the other."""
        return self.verdict == FADE

    def __str__(self) -> str:
        n = len(self.kinds)
        of_which = f"the {n} middle frames" if n > 1 else "the middle frame"
        verdict = self.verdict
        if verdict == BLANK:
            return f"{of_which} show nothing: each is of one grey"
        if verdict == CUT:
            first = int((self.copied == 0).sum())
            return (
                f"{of_which} only repeat the photos ({first} the first, {n - first} the last): a cut, "
                "so they show no view between them"
            )
        if verdict == FROZEN:
            what = (
                ("the first photo", "the last photo")[self.copied[0]] if COPY in self.kinds else "one picture"
            )
            return f"{of_which} only repeat {what}: nothing moves, so they show no view between the photos"
        if verdict == NOTHING:
            return f"{of_which} are not only blank, frozen, cut or faded, as far as can be told"
        fading = self.faded
        who = of_which if fading.all() else f"{fading.sum()} of {of_which}"
        moves = [f"zoom up to {self.zoom[fading].max():.2f} times"] if self.zoom[fading].max() > 1.01 else []
        pan = float(np.abs(self.pan[fading]).max())
        moves += [f"shift up to {100 * pan:.0f} % of a side"] if pan > PANS[1] - PANS[0] + 1e-9 else []
        moved = "".join(f" and {move}" for move in moves)
        return (
            f"{who} only fade one photo into the other{moved}: such blends explain at least "
            f"{100 * self.explained[fading].min():.1f} % of each, so they show no view between them"
        )


def diagnose_sequence(paths: Sequence[Path]) -> str | None:
    """What is wrong with the frames between two photos, in words; None: nothing was found.

    Args:
        paths: the photos of one sample, in order.

    Raises:
        UserError: a photo cannot be read.
    """
    if len(paths) < 3:
        return None
    sources = measure_crossfade([open_upright(path) for path in paths])
    return None if sources.verdict == NOTHING else str(sources)


def measure_crossfade(images: Sequence[Image.Image]) -> FrameSources:
    """Fit every middle frame by the first and last image, each alone and both together.

    Args:
        images: the sequence, the two photos first and last; of one aspect ratio.
    """
    first, last, *frames = (_grey(image) for image in (images[0], images[-1], *images[1:-1]))
    # (K, P) each: K zooms and pans of the photos, P pixels; zoom 1 without pan is the row `unmoved`.
    a, b = (_centred(_moved(end)) for end in (first, last))
    unmoved = len(PANS) ** 2 // 2
    pictures = _unmoved(frames)
    f = _centred(pictures)
    total = (f**2).sum(axis=1)
    alone = np.stack([_explained_by_one(end, f) for end in (a, b)])
    both = _explained_by_both(a, b, f)
    best = both.argmax(axis=0)
    zoom, pan_y, pan_x = np.unravel_index(best, (len(ZOOMS), len(PANS), len(PANS)))
    explained, single = both.max(axis=0), alone.max(axis=(0, 1))
    as_is = alone[:, unmoved]
    kinds = []
    for n in range(len(f)):
        if math.sqrt(total[n] / f.shape[1]) < MAX_BLANK:
            kinds.append(BLANK)
        elif as_is[:, n].max() >= MIN_COPY:
            kinds.append(COPY)
        elif explained[n] >= MIN_EXPLAINED and 1 - explained[n] <= MAX_LEFT * (1 - single[n]):
            kinds.append(BLEND)
        else:
            kinds.append(MOVED if single[n] >= MIN_EXPLAINED else VIEW)
    return FrameSources(
        kinds=tuple(kinds),
        copied=as_is.argmax(axis=0),
        explained=explained,
        zoom=ZOOMS[zoom],
        pan=np.stack([PANS[pan_x], PANS[pan_y]], axis=1),
        ends_alike=float(
            max(_explained_by_one(a, b[[unmoved]]).max(), _explained_by_one(b, a[[unmoved]]).max())
        ),
        same=len(f) > 0 and float(_explained_by_one(f[:1], f).min()) >= MIN_SAME,
    )


def _grey(image: Image.Image) -> np.ndarray:
    square = image.convert("L").resize((SOURCE_SIZE, SOURCE_SIZE), Image.Resampling.BOX)
    return np.asarray(square, dtype=np.float32)


@functools.cache
def _resampling(zoom: float, pan: float) -> np.ndarray:
    """(SIZE, SOURCE_SIZE) weights along one side: the window within the margin, zoomed and panned."""
    step = (1 - 2 * MARGIN) / zoom / SIZE
    middles = 0.5 + pan + step * (np.arange(SIZE) - (SIZE - 1) / 2)
    pixels = (np.arange(SOURCE_SIZE) + 0.5) / SOURCE_SIZE
    weights = np.maximum(0.0, 1 - np.abs(middles[:, None] - pixels) / step)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _moved(grey: np.ndarray) -> np.ndarray:
    """(K, P) the picture under every zoom and pan: zooms outermost, then pans along y, then along x."""
    pictures = []
    for zoom in ZOOMS:
        lines = np.concatenate([_resampling(float(zoom), float(pan)) for pan in PANS])
        pans = (lines @ grey @ lines.T).reshape(len(PANS), SIZE, len(PANS), SIZE)
        pictures.append(pans.transpose(0, 2, 1, 3).reshape(-1, SIZE * SIZE))
    return np.concatenate(pictures)


def _unmoved(greys: Sequence[np.ndarray]) -> np.ndarray:
    window = _resampling(1.0, 0.0)
    return np.array([window @ grey @ window.T for grey in greys], np.float32).reshape(-1, SIZE * SIZE)


def _centred(pictures: np.ndarray) -> np.ndarray:
    return pictures - pictures.mean(axis=1, keepdims=True)


def _explained_by_one(parts: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(K, N) R² of fits of (N, P) targets by one of (K, P) parts, all centred; 0 where negated."""
    inner = parts @ targets.T
    scale = (parts**2).sum(axis=1)[:, None] * (targets**2).sum(axis=1)
    return np.where(inner > 0, inner**2 / np.maximum(scale, 1e-6), 0.0)


def _explained_by_both(a: np.ndarray, b: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(K, N) R² of least-squares fits of centred targets by `a[k]` and `b[k]`, neither negated."""
    aa, bb, ab = ((x * y).sum(axis=1, dtype=float)[:, None] for x, y in ((a, a), (b, b), (a, b)))
    af, bf = ((x @ targets.T).astype(float) for x in (a, b))
    total = np.maximum((targets**2).sum(axis=1), 1e-6)
    determinant = np.maximum(aa * bb - ab**2, 1e-6 * aa * bb + 1e-6)
    weight_a, weight_b = (af * bb - bf * ab) / determinant, (bf * aa - af * ab) / determinant
    together = np.where((weight_a > 0) & (weight_b > 0), (weight_a * af + weight_b * bf) / total, 0.0)
    one = np.maximum(_explained_by_one(a, targets), _explained_by_one(b, targets))
    return np.minimum(np.maximum(together, one), 1.0)
