"""Predictions out of files of other programs, sample by sample."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.views.sample import SampleViews
from hw4.geometry.cameras import four_by_four
from hw4.pose.results import BAD_INPUT, FAILED, OK, Prediction
from hw4.pose.source import Answer, Source
from hw4.pose.views import not_placed


@dataclass(frozen=True)
class Given:
    """What a file says of a sample's n views.

    Attributes:
        cam_from_world: (n, 3, 4), NaN for a view without a camera.
        Ks: (n, 3, 3) in pixels of the photos, NaN where unknown, or None.
    """

    cam_from_world: np.ndarray
    Ks: np.ndarray | None = None


# None: nothing is said of the sample. ValueError or UserError: what is said cannot be used, and why.
Reader = Callable[[PairSample], Given | None]


class FromGiven(Source):
    """Files of another program.

    Args:
        path: what the person named.
        kind: what it was taken for, in words.
        read: what it says of a sample.
    """

    def __init__(self, path: Path, kind: str, read: Reader) -> None:
        self._path, self._kind, self._read = path, kind, read

    @property
    def labels(self) -> tuple[str, str]:
        """See `Source.labels`: no model ran here, and none is named."""
        return f"predictions ({self._kind})", self._path.name

    def answers(self, samples: Sequence[PairSample]) -> Generator[Answer, None, None]:
        """See `Source.answers`.

        Raises:
            UserError: nothing is said of any sample.
        """
        found = [self._prediction(sample) for sample in samples]
        if samples and all(prediction is None for prediction in found):
            names = ", ".join(map(str, view_names(samples[0])[:2]))
            raise UserError(
                f"{self._path}, taken for {self._kind}, says nothing of any sample of the data, such as "
                f"{samples[0].idx} ({names}); check score.predictions, data.root and the photos' names."
            )
        for sample, prediction in zip(samples, found, strict=True):
            yield Answer(sample, prediction or Prediction(sample.idx, FAILED, f"not in the {self._kind}"))

    def _prediction(self, sample: PairSample) -> Prediction | None:
        try:
            given = self._read(sample)
        except (ValueError, UserError) as error:
            return Prediction(
                sample.idx, BAD_INPUT, f"what {self._path.name} says of it is unusable: {error}"
            )
        if given is None:
            return None
        cameras = four_by_four(given.cam_from_world)
        lost = ~np.isfinite(given.cam_from_world).all(axis=(1, 2))
        cameras[lost] = np.nan
        why = {str(view): f"not in the {self._kind}" for view in np.flatnonzero(lost)}
        enough = (~lost).sum() >= 2 if isinstance(sample, SampleViews) else not lost.any()
        if not enough:
            return Prediction(sample.idx, FAILED, not_placed(cameras, why), diagnoses=why)
        Ks = given.Ks if isinstance(sample, SampleViews) else None
        return Prediction(sample.idx, OK, None, cameras, diagnoses=why, Ks=Ks)


def view_names(sample: PairSample) -> list[str]:
    """What the scored views are called: of posed views as their data set does, else their files."""
    if isinstance(sample, SampleViews) and sample.names:
        return list(sample.names)
    return [path.as_posix() for path in scored_paths(sample)]


def scored_paths(sample: PairSample) -> list[Path]:
    """The photos whose cameras are scored: all of posed views, of a pair the first and the last."""
    paths = sample.image_paths
    return list(paths) if isinstance(sample, SampleViews) else [paths[0], paths[-1]]


def scene_path(root: Path, sample: PairSample, suffixes: Sequence[str] = ("",)) -> Path:
    """What `root` has for the sample's scene alone, under the scene's name; else `root` itself."""
    scene = sample.scene if isinstance(sample, SampleViews) else ""
    if scene and root.is_dir():
        for suffix in suffixes:
            if (root / f"{scene}{suffix}").exists():
                return root / f"{scene}{suffix}"
    return root
