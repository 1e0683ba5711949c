"""The predictions file: `{str idx: (2, 4, 4) world-from-camera}`, written by runs, scored by `task=score`."""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hw4.config import MetricsConfig
from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.pairs.layout import PairSample
from hw4.data.pickles import load_npy_dict
from hw4.pose.results import (
    BAD_INPUT,
    FAILED,
    OK,
    PoseResult,
    Prediction,
    SampleResult,
    score_sample,
    summarize_samples,
)


def write_predictions(path: Path, samples: Sequence[SampleResult]) -> None:
    """Save the world-from-camera matrices of all samples that have them."""
    matrices = {
        str(s.sample.idx): np.linalg.inv(s.prediction.cam_from_world)
        for s in samples
        if s.prediction.cam_from_world is not None
    }
    buffer = io.BytesIO()
    np.save(buffer, np.array(matrices, dtype=object), allow_pickle=True)
    write_bytes(path, buffer.getvalue())


def _as_prediction(idx: int, value: object) -> Prediction:
    try:
        world_from_cam = np.array(value, dtype=float)
    except (TypeError, ValueError):
        return Prediction(idx, BAD_INPUT, "its entry in the predictions file is not a number array")
    if world_from_cam.shape != (2, 4, 4):
        reason = f"its entry in the predictions file has shape {world_from_cam.shape}, not (2, 4, 4)"
        return Prediction(idx, BAD_INPUT, reason)
    if not np.isfinite(world_from_cam).all():
        return Prediction(idx, BAD_INPUT, "its entry in the predictions file holds NaN or infinity")
    if np.abs(np.linalg.det(world_from_cam)).min() < 1e-9:
        return Prediction(idx, BAD_INPUT, "its entry in the predictions file is not invertible")
    return Prediction(idx, OK, None, np.linalg.inv(world_from_cam))


def score_predictions(
    samples: Sequence[PairSample],
    path: Path,
    metrics: MetricsConfig,
    on_sample: Callable[[SampleResult, bool], None] | None = None,
) -> PoseResult:
    """Score a saved predictions file against the ground truth of `samples`.

    Raises:
        UserError: the file is missing, refused, or shares no sample with the data.
    """
    started = time.perf_counter()
    content = {str(key): value for key, value in load_npy_dict(path).items()}
    if not any(str(sample.idx) in content for sample in samples):
        raise UserError(
            f"{path} has predictions for {', '.join(list(content)[:5]) or 'nothing'}, none of which is a "
            "sample of the data; check data.root and data.index."
        )
    results = []
    for sample in samples:
        if sample.problem is not None:
            prediction = Prediction(sample.idx, BAD_INPUT, sample.problem)
        elif str(sample.idx) not in content:
            prediction = Prediction(sample.idx, FAILED, "not in the predictions file")
        else:
            prediction = _as_prediction(sample.idx, content[str(sample.idx)])
        results.append(score_sample(sample, prediction, metrics))
        if on_sample:
            on_sample(results[-1], False)
    return PoseResult(
        results,
        summarize_samples(results, metrics),
        model="predictions file",
        weights=path.name,
        n_reused=0,
        cache_dir=None,
        seconds=time.perf_counter() - started,
    )
