"""The pose stage: run a model over all samples, durably, and score it."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hw4.config import MetricsConfig
from hw4.core.durable import JsonlLog, exclusive
from hw4.data.pairs.layout import PairSample
from hw4.models.base import ReconstructionModel
from hw4.pose.predict import CloudName, cloud_by_idx, predict_samples
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


def cached_predictions(
    samples: Sequence[PairSample],
    make_model: Callable[[], ReconstructionModel],
    cache_dir: Path,
    seed: int = 0,
    reuse: bool = True,
    cloud_name: CloudName = cloud_by_idx,
) -> Iterator[tuple[Prediction, bool]]:
    """Each sample's prediction and whether it was there already; the folder is locked until the last one.

    Args:
        samples: what to predict, in order; one with a `problem` becomes bad input.
        make_model: builds the model; called at most once, only if some sample needs it.
        cache_dir: one model and input's folder, with ``predictions.jsonl``.
        seed: given to the model with each sample.
        reuse: False computes everything again.
        cloud_name: the file of a sample's point cloud in `cache_dir`.

    Raises:
        UserError: the model cannot be built, or predictions cannot be written.
    """
    with exclusive(cache_dir):
        log = JsonlLog(cache_dir / "predictions.jsonl")
        known = {(r["idx"], r["inputs"]): r for r in log.read()} if reuse else {}
        keys = [None if s.problem is not None else (s.idx, inputs_digest(s)) for s in samples]
        todo = [s for s, key in zip(samples, keys, strict=True) if key is not None and key not in known]
        fresh = predict_samples(make_model(), todo, seed, cache_dir, cloud_name) if todo else iter(())
        for sample, key in zip(samples, keys, strict=True):
            if key is None:
                yield Prediction(sample.idx, BAD_INPUT, sample.problem), False
                continue
            if key in known:
                yield Prediction.from_json(known[key]), True
                continue
            prediction = next(fresh)
            # What may go well another time is not remembered.
            if prediction.status in (OK, FAILED):
                log.append({"inputs": key[1], **prediction.to_json()})
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
