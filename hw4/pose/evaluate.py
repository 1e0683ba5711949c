"""The pose stage: run a model over all samples, durably, and score it."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hw4.config import MetricsConfig
from hw4.data.pairs import PairSample
from hw4.durable import JsonlLog, exclusive, write_bytes
from hw4.errors import UserError
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.pose.clouds import cloud_npz
from hw4.pose.crossfade import diagnose_sequence
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


def inputs_digest(sample: PairSample) -> str:
    """Identifies what a model reads of a sample: its image files (path, size, time) and intrinsics."""
    files = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in sample.image_paths]
    Ks = None if sample.Ks is None else sample.Ks.tolist()
    return hashlib.sha256(json.dumps([files, Ks]).encode()).hexdigest()[:16]


def _two_cameras(reconstruction: Reconstruction) -> np.ndarray:
    """(2, 4, 4) world-to-camera of the first and last view."""
    cameras = np.tile(np.eye(4), (2, 1, 1))
    cameras[:, :3] = reconstruction.cam_from_world[[0, -1]]
    return cameras


def predict_sample(
    model: ReconstructionModel, sample: PairSample, seed: int, cache_dir: Path | None = None
) -> Prediction:
    """Run the model on one sample; whatever goes wrong becomes the prediction's reason.

    Args:
        model: any model.
        sample: its photos and intrinsics.
        seed: given to the model.
        cache_dir: where the sample's point cloud is written (``clouds/<idx>.npz``); None: nowhere.

    Raises:
        UserError: the point cloud cannot be written (disk).
    """
    diagnoses: dict[str, str] = {}
    started = time.perf_counter()

    def unfinished(status: str, reason: str) -> Prediction:
        seconds = time.perf_counter() - started
        return Prediction(sample.idx, status, reason, seconds=seconds, diagnoses=diagnoses)

    try:
        sequence = diagnose_sequence(sample.image_paths)
        if sequence:
            diagnoses["sequence"] = sequence
        started = time.perf_counter()
        reconstruction = model.reconstruct(sample.image_paths, sample.Ks, seed)
    except ReconstructionFailed as error:
        return unfinished(FAILED, str(error))
    except UserError as error:
        return unfinished(BAD_INPUT, str(error))
    except Exception as error:
        return unfinished(FAILED, f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - started
    diagnoses |= {str(view): text for view, text in enumerate(reconstruction.diagnoses) if text}
    last = reconstruction.n_views - 1
    lost = [view for view in (0, last) if not reconstruction.is_valid(view)]
    cloud = None
    if cache_dir is not None:
        cloud = f"clouds/{sample.idx}.npz"
        write_bytes(cache_dir / cloud, cloud_npz(reconstruction))
    if lost:
        reason = "; ".join(
            f"view {view} of {last + 1} has no camera ({diagnoses.get(str(view), 'no reason given')})"
            for view in lost
        )
        return Prediction(
            sample.idx, FAILED, reason, None, seconds, diagnoses, dict(reconstruction.notes), cloud
        )
    return Prediction(
        sample.idx,
        OK,
        None,
        _two_cameras(reconstruction),
        seconds,
        diagnoses,
        dict(reconstruction.notes),
        cloud,
    )


def cached_predictions(
    samples: Sequence[PairSample],
    make_model: Callable[[], ReconstructionModel],
    cache_dir: Path,
    seed: int = 0,
    reuse: bool = True,
    clouds: bool = True,
) -> Iterator[tuple[Prediction, bool]]:
    """Each sample's prediction and whether it was there already; the folder is locked until the last one.

    Args:
        samples: what to predict, in order; one with a `problem` becomes bad input.
        make_model: builds the model; called at most once, only if some sample needs it.
        cache_dir: one model and input's folder, with ``predictions.jsonl``.
        seed: given to the model with each sample.
        reuse: False computes everything again.
        clouds: whether ``clouds/<idx>.npz`` is written for each sample.

    Raises:
        UserError: the model cannot be built, or predictions cannot be written.
    """
    model: ReconstructionModel | None = None
    with exclusive(cache_dir):
        log = JsonlLog(cache_dir / "predictions.jsonl")
        known = {(r["idx"], r["inputs"]): r for r in log.read()} if reuse else {}
        for sample in samples:
            if sample.problem is not None:
                yield Prediction(sample.idx, BAD_INPUT, sample.problem), False
                continue
            digest = inputs_digest(sample)
            if (sample.idx, digest) in known:
                yield Prediction.from_json(known[sample.idx, digest]), True
                continue
            model = model or make_model()
            prediction = predict_sample(model, sample, seed, cache_dir if clouds else None)
            if prediction.status != BAD_INPUT:
                log.append({"inputs": digest, **prediction.to_json()})
            yield prediction, False


def evaluate_pose(
    samples: Sequence[PairSample],
    make_model: Callable[[], ReconstructionModel],
    metrics: MetricsConfig,
    cache_dir: Path,
    seed: int = 0,
    reuse: bool = True,
    names: tuple[str, str] | None = None,
    on_sample: Callable[[SampleResult, bool], None] | None = None,
) -> PoseResult:
    """Evaluate a model on samples; a killed call continues where it stopped.

    Every prediction is appended to ``<cache_dir>/predictions.jsonl`` the moment it exists. A later call with
    the same folder takes from there each sample whose files have not changed since; the folder must
    therefore belong to one model configuration.

    Args:
        samples: what to evaluate, in order.
        make_model: builds the model; called only if some sample needs it.
        metrics: how to score.
        cache_dir: this model and input's folder.
        seed: given to the model with each sample.
        reuse: False computes everything again.
        names: model name and weights label, where they are known without building the model.
        on_sample: called with each result and whether it was reused.

    Raises:
        UserError: the model cannot be built, or results cannot be written.
    """
    started = time.perf_counter()
    model: ReconstructionModel | None = None

    def model_once() -> ReconstructionModel:
        nonlocal model
        model = model or make_model()
        return model

    results: list[SampleResult] = []
    n_reused = 0
    predictions = cached_predictions(samples, model_once, cache_dir, seed, reuse)
    for sample, (prediction, reused) in zip(samples, predictions, strict=True):
        n_reused += reused
        results.append(score_sample(sample, prediction, metrics))
        if on_sample:
            on_sample(results[-1], reused)
    if names is None:
        names = (model_once().name, model_once().weights_label)
    return PoseResult(
        results,
        summarize_samples(results, metrics),
        model=names[0],
        weights=names[1],
        n_reused=n_reused,
        cache_dir=str(cache_dir),
        seconds=time.perf_counter() - started,
    )
