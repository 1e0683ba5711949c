"""Predictions with `input.selection=medoid|oracle`: one per candidate, one of which is picked."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import InputConfig, MetricsConfig
from hw4.config.input import MEDOID, ORACLE
from hw4.data.pairs.frames import Candidate
from hw4.data.pairs.samples import PairSample
from hw4.pose.from_model import FromModel, inputs_digests
from hw4.pose.metrics import PoseError, relative_from_cameras
from hw4.pose.results import BAD_INPUT, FAILED, OK, Prediction
from hw4.pose.scoring import score_sample
from hw4.pose.selection import best_video, pose_distance_deg, score_video
from hw4.pose.source import Answer, Source

# Names the picked candidate's point cloud, relative to the cache folder of candidates.
CLOUD = "cloud"


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
        if metrics.errors_mode == "both" and error.has_true_direction:
            return max(angles), sum(angles)
        first = 1 if metrics.errors_mode == "T" and error.has_true_direction else 0
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
) -> Answer:
    """The answer of the candidate that is picked, or why none could be; `reused` is left to the caller."""
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
        return Answer(sample, prediction, selection={**record, "picked": None})
    if selection == MEDOID:
        picked, distances = _pick_medoid(valid, pair)
    else:
        picked, distances = _pick_oracle(sample, valid, metrics)
    seen = replace(sample, image_paths=picked.candidate.image_paths)
    cloud = picked.prediction.cloud and f"{sample.idx}/{picked.prediction.cloud}"
    prediction = replace(picked.prediction, seconds=seconds, cloud=cloud)
    return Answer(
        seen,
        prediction,
        selection={**record, "picked": {**picked.record(), CLOUD: cloud}, **distances},
    )


def _cloud_by_inputs(view: PairSample) -> str:
    # All candidates of a sample have its number.
    return f"clouds/{inputs_digests([view])[0]}.npz"


class FromCandidates(Source):
    """A model run on every candidate of every sample, of which one is picked.

    Predictions are kept as `FromModel` keeps them: those of a sample's candidates in ``<cache_dir>/<idx>``,
    those of the two photos alone where `model` keeps its own. They do not depend on how one is picked, so
    that `medoid` and `oracle` share them. Each candidate's point cloud is kept (some 0.2 MB), since any of
    them may be picked.

    Args:
        model: as for ``input=pair``, with that input's folder.
        cache_dir: this model's folder for candidates.
        inputs: `selection`, and whether the bias term is used.
        metrics: how to score; the oracle minimises the error of `metrics.mode`.
    """

    def __init__(
        self, model: FromModel, cache_dir: Path, inputs: InputConfig, metrics: MetricsConfig
    ) -> None:
        self.cache_dir: Path = cache_dir
        self.remarks = (_remark(inputs, metrics),)
        self._model, self._inputs, self._metrics = model, inputs, metrics

    @property
    def folders(self) -> tuple[Path, ...]:
        """See `Source.folders`."""
        return (self.cache_dir, *self._model.folders)

    @property
    def labels(self) -> tuple[str, str]:
        """See `Source.labels`."""
        return self._model.labels

    def answers(self, samples: Sequence[PairSample]) -> Generator[Answer, None, None]:
        """See `Source.answers`; `samples` have candidates, from `hw4.data.pairs.samples.load_pairs`."""
        for sample in samples:
            pair, pair_reused = None, True
            if self._inputs.selection == MEDOID and self._inputs.candidates.bias:
                ((pair, pair_reused),) = self._model.predictions([sample], self._model.cache_dir)
            views = [replace(sample, image_paths=c.image_paths) for c in sample.candidates]
            folder = self.cache_dir / str(sample.idx)
            found = list(self._model.predictions(views, folder, _cloud_by_inputs))
            tried = [Tried(c, p) for c, (p, _) in zip(sample.candidates, found, strict=True)]
            answer = _pick(sample, tried, pair, self._inputs.selection, self._metrics)
            yield replace(answer, reused=pair_reused and all(reused for _, reused in found))


def _remark(inputs: InputConfig, metrics: MetricsConfig) -> str:
    if inputs.selection == ORACLE:
        what = {"R": "rotation", "T": "translation", "both": "larger"}[metrics.errors_mode]
        return (
            "oracle: of each sample's candidates the one with the least "
            f"{what} error was picked with the ground truth; an upper bound, not a method"
        )
    bias = "with" if inputs.candidates.bias else "without"
    return f"medoid: each sample's candidate was picked by self-consistency (InterPose, {bias} bias term)"
