"""The predictions file: `{str idx: (N, 4, 4) world-from-camera}`, written by runs, scored by `task=score`.

N is 2, the first and last photo, or the number of views of a `SampleViews`; NaN where a view was not placed.
"""

import io
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.pickles import load_npy_dict
from hw4.data.views.sample import SampleViews
from hw4.pose.results import BAD_INPUT, FAILED, OK, Prediction, SampleResult
from hw4.pose.source import Answer, Source
from hw4.pose.views import not_placed


def write_predictions(path: Path, samples: Sequence[SampleResult]) -> None:
    """Save the world-from-camera matrices of all samples that have them."""
    # An array from another process brings a dtype object of its own, which the file would repeat for each.
    matrices = {
        str(s.sample.idx): np.linalg.inv(s.prediction.cam_from_world).astype(np.float64)
        for s in samples
        if s.prediction.cam_from_world is not None
    }
    buffer = io.BytesIO()
    np.save(buffer, np.array(matrices, dtype=object), allow_pickle=True)
    write_bytes(path, buffer.getvalue())


def _as_prediction(sample: PairSample, value: object) -> Prediction:
    idx, has_all = sample.idx, isinstance(sample, SampleViews)
    n = len(sample.image_paths) if has_all else 2
    try:
        world_from_cam = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return Prediction(idx, BAD_INPUT, "its entry in the predictions file is not a number array")
    if world_from_cam.shape != (n, 4, 4):
        reason = f"its entry in the predictions file has shape {world_from_cam.shape}, not ({n}, 4, 4)"
        return Prediction(idx, BAD_INPUT, reason)
    placed = ~np.isnan(world_from_cam).all(axis=(1, 2)) if has_all else np.ones(n, bool)
    if not np.isfinite(world_from_cam[placed]).all():
        return Prediction(idx, BAD_INPUT, "its entry in the predictions file holds NaN or infinity")
    if np.abs(np.linalg.det(world_from_cam[placed])).min(initial=np.inf) < 1e-9:
        return Prediction(idx, BAD_INPUT, "its entry in the predictions file is not invertible")
    cam_from_world = np.full((n, 4, 4), np.nan)
    cam_from_world[placed] = np.linalg.inv(world_from_cam[placed])
    if placed.sum() < 2:
        return Prediction(idx, FAILED, not_placed(cam_from_world, {}))
    return Prediction(idx, OK, None, cam_from_world)


class FromFile(Source):
    """A saved predictions file.

    Raises:
        UserError: the file is missing or refused.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = {str(key): value for key, value in load_npy_dict(path).items()}

    @property
    def labels(self) -> tuple[str, str]:
        """See `Source.labels`."""
        return "predictions file", self._path.name

    def answers(self, samples: Sequence[PairSample]) -> Generator[Answer, None, None]:
        """See `Source.answers`.

        Raises:
            UserError: the file shares no sample with `samples`.
        """
        if not any(str(sample.idx) in self._content for sample in samples):
            raise UserError(
                f"{self._path} has predictions for {', '.join(list(self._content)[:5]) or 'nothing'}, none "
                "of which is a sample of the data; check data.root and data.index."
            )
        for sample in samples:
            if str(sample.idx) in self._content:
                yield Answer(sample, _as_prediction(sample, self._content[str(sample.idx)]))
            else:
                yield Answer(sample, Prediction(sample.idx, FAILED, "not in the predictions file"))
