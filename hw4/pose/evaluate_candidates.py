"""The pose stage with `input.selection=medoid|oracle`: a prediction per candidate, one of which is picked."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import InputConfig, MetricsConfig
from hw4.config.input import MEDOID, ORACLE
from hw4.data.pairs.candidates import Candidate
from hw4.data.pairs.layout import PairSample
from hw4.models.base import ReconstructionModel
from hw4.pose.evaluate import cached_predictions, inputs_digest
from hw4.pose.metrics import PoseError, relative_from_cameras
from hw4.pose.predict import CloudName, cloud_by_idx
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
from hw4.pose.selection import best_video, pose_distance_deg, score_video

# Names the picked candidate's point cloud, relative to the cache folder of candidates.
CLOUD = "cloud"
MakeModel = Callable[[], ReconstructionModel]


@dataclass(frozen=True)
class Tried:
    """One candidate and what the model said about it."""

    candidate: Candidate
    prediction: Prediction

    @property
    def relative(self) -> np.ndarray:
        """(4, 4) camera 2 from camera 1."""
        assert self.prediction.cam_from_world is not None
        return relative_from_cameras(self.prediction.cam_from_world, "relative")

    def record(self) -> dict[str, Any]:
        """Which candidate it is."""
        frames = [path.name for path in self.candidate.image_paths[1:-1]]
        return {"generator": self.candidate.generator, "subset": self.candidate.subset, "frames": frames}


def _pick_medoid(valid: Sequence[Tried], pair: Prediction | None) -> tuple[Tried, dict[str, Any]]:
    """InterPose's choice: the medoid of the video with the least D_total; and every distance behind it."""
    pair_pose = None
    if pair is not None and pair.cam_from_world is not None:
        pair_pose = relative_from_cameras(pair.cam_from_world, "relative")
    videos = list(dict.fromkeys(t.candidate.generator for t in valid))
    members = [[t for t in valid if t.candidate.generator == video] for video in videos]
    scores = [score_video([t.relative for t in tried], pair_pose) for tried in members]
    best = best_video(scores)
    rows = []
    for video, tried, score in zip(videos, members, scores, strict=True):
        row = {"generator": video, "candidates": len(tried), "medoid": tried[score.medoid].candidate.subset}
        row |= {"D_med_deg": score.medoid_deg, "D_bias_deg": score.bias_deg, "D_total_deg": score.total_deg}
        rows.append(row)
    candidates = [
        {
            **t.record(),
            "mean_distance_deg": mean if math.isfinite(mean) else None,
            "pair_distance_deg": None if pair_pose is None else pose_distance_deg(t.relative, pair_pose),
        }
        for tried, score in zip(members, scores, strict=True)
        for t, mean in zip(tried, score.mean_deg.tolist(), strict=True)
    ]
    record: dict[str, Any] = {"videos": rows, "candidates": candidates}
    if pair is not None and pair_pose is None:
        record["without_bias"] = f"the two photos alone gave no cameras: {pair.reason}"
    return members[best][scores[best].medoid], record


def _pick_oracle(
    sample: PairSample, valid: Sequence[Tried], metrics: MetricsConfig
) -> tuple[Tried, dict[str, Any]]:
    """The candidate whose error is least, in the terms of the headline metrics; reads the ground truth."""
    errors = [score_sample(sample, t.prediction, metrics).error for t in valid]

    def key(error: PoseError) -> tuple[float, float]:
        angles = [math.inf if e is None else e for e in (error.rotation_deg, error.translation_deg)]
        if metrics.mode == "both" and error.has_true_direction:
            return max(angles), sum(angles)
        first = 1 if metrics.mode == "T" and error.has_true_direction else 0
        return angles[first], angles[1 - first]

    best = min(range(len(valid)), key=lambda number: key(errors[number]))
    candidates = [
        {**t.record(), "rotation_error_deg": e.rotation_deg, "translation_error_deg": e.translation_deg}
        for t, e in zip(valid, errors, strict=True)
    ]
    return valid[best], {"candidates": candidates}


def _pick(
    sample: PairSample,
    tried: Sequence[Tried],
    pair: Prediction | None,
    selection: str,
    metrics: MetricsConfig,
) -> SampleResult:
    seconds = sum(p.seconds or 0.0 for p in [*(t.prediction for t in tried), *([pair] if pair else [])])
    valid = [t for t in tried if t.prediction.status == OK]
    record: dict[str, Any] = {
        "method": selection,
        "uses_ground_truth": selection == ORACLE,
        "n_candidates": len(tried),
        "n_valid": len(valid),
    }
    unreadable = next((t for t in tried if t.prediction.status == BAD_INPUT), None)
    if unreadable is not None or not valid:
        cause = unreadable or tried[0]
        reason = str(cause.prediction.reason)
        if unreadable is None:
            reason = f"none of {len(tried)} candidates has both cameras; the first: {reason}"
        prediction = Prediction(sample.idx, BAD_INPUT if unreadable else FAILED, reason, seconds=seconds)
        return replace(score_sample(sample, prediction, metrics), selection={**record, "picked": None})
    if selection == MEDOID:
        picked, distances = _pick_medoid(valid, pair)
    else:
        picked, distances = _pick_oracle(sample, valid, metrics)
    seen = replace(sample, image_paths=picked.candidate.image_paths)
    cloud = picked.prediction.cloud and f"{sample.idx}/{picked.prediction.cloud}"
    result = score_sample(seen, replace(picked.prediction, seconds=seconds, cloud=cloud), metrics)
    return replace(result, selection={**record, "picked": {**picked.record(), CLOUD: cloud}, **distances})


def _cloud_by_inputs(view: PairSample) -> str:
    # All candidates of a sample have its number.
    return f"clouds/{inputs_digest(view)}.npz"


def evaluate_candidates(
    samples: Sequence[PairSample],
    make_model: MakeModel,
    metrics: MetricsConfig,
    inputs: InputConfig,
    cache_dir: Path,
    pair_dir: Path,
    seed: int = 0,
    reuse: bool = True,
    names: tuple[str, str] = ("", ""),
    on_sample: Callable[[SampleResult, bool], None] | None = None,
) -> PoseResult:
    """Evaluate a model on every candidate of every sample, and score the one that is picked.

    Predictions are kept as `hw4.pose.evaluate.evaluate_pose` keeps them: those of a sample's candidates in
    ``<cache_dir>/<idx>``, those of the two photos alone in `pair_dir`, the folder of ``input=pair``. They do
    not depend on how one is picked, so that `medoid` and `oracle` share them. Each candidate's point cloud is
    kept (some 0.2 MB), since any of them may be picked.

    Args:
        samples: with candidates, from `hw4.data.pairs.layout.load_pairs`.
        make_model: builds the model; called once, only if some prediction is missing.
        metrics: how to score; the oracle minimises the error of `metrics.mode`.
        inputs: `selection`, and whether the bias term is used.
        cache_dir: this model's folder for candidates.
        pair_dir: this model's folder for ``input=pair``.
        seed: given to the model with each candidate.
        reuse: False computes everything again.
        names: model name and weights label.
        on_sample: called with each result and whether all of its predictions were reused.

    Raises:
        UserError: the model cannot be built, or results cannot be written.
    """
    started = time.perf_counter()
    built: list[ReconstructionModel] = []

    def model_once() -> ReconstructionModel:
        if not built:
            built.append(make_model())
        return built[0]

    def predict(
        views: Sequence[PairSample], folder: Path, cloud_name: CloudName
    ) -> tuple[list[Prediction], bool]:
        found = list(cached_predictions(views, model_once, folder, seed, reuse, cloud_name))
        return [prediction for prediction, _ in found], all(reused for _, reused in found)

    results: list[SampleResult] = []
    n_reused = 0
    for sample in samples:
        reused = False
        if sample.problem is not None:
            results.append(score_sample(sample, Prediction(sample.idx, BAD_INPUT, sample.problem), metrics))
        else:
            pair, reused_pair = None, True
            if inputs.selection == MEDOID and inputs.candidates.bias:
                (pair,), reused_pair = predict([sample], pair_dir, cloud_by_idx)
            views = [replace(sample, image_paths=c.image_paths) for c in sample.candidates]
            predictions, reused = predict(views, cache_dir / str(sample.idx), _cloud_by_inputs)
            reused = reused and reused_pair
            tried = [Tried(c, p) for c, p in zip(sample.candidates, predictions, strict=True)]
            results.append(_pick(sample, tried, pair, inputs.selection, metrics))
        n_reused += reused
        if on_sample:
            on_sample(results[-1], reused)
    return PoseResult(
        results,
        summarize_samples(results, metrics),
        model=names[0],
        weights=names[1],
        n_reused=n_reused,
        cache_dir=str(cache_dir),
        seconds=time.perf_counter() - started,
        remarks=[_remark(inputs, metrics)],
    )


def _remark(inputs: InputConfig, metrics: MetricsConfig) -> str:
    if inputs.selection == ORACLE:
        what = {"R": "rotation", "T": "translation", "both": "larger"}[metrics.mode]
        return (
            "oracle: of each sample's candidates the one with the least "
            f"{what} error was picked with the ground truth; an upper bound, not a method"
        )
    bias = "with" if inputs.candidates.bias else "without"
    return f"medoid: each sample's candidate was picked by self-consistency (InterPose, {bias} bias term)"
