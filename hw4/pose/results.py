"""What the pose stage returns: one record per sample, and their summary."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hw4.config import MetricsConfig
from hw4.data.pairs.layout import PairSample
from hw4.pose.metrics import (
    PoseError,
    PoseSummary,
    has_true_direction,
    pair_error,
    rotation_error_deg,
    summarize,
)

OK, FAILED, BAD_INPUT, BROKEN = "ok", "failed", "bad_input", "broken"


@dataclass(frozen=True)
class Prediction:
    """What a model said about one sample.

    Attributes:
        idx: sample number.
        status: ``ok``; ``failed`` (the model found no cameras); ``bad_input`` (the sample cannot be read);
            ``broken`` (an error of the program or the machine: out of memory...).
        reason: why, unless ok.
        cam_from_world: (2, 4, 4) world-to-camera of the first and last view, or None.
        seconds: wall time of the model on this sample.
        diagnoses: what was wrong with single views, by view number, and with the frames (``sequence``).
        notes: the model's own facts.
        cloud: file name of the sample's point cloud in the cache folder, or None.
    """

    idx: int
    status: str
    reason: str | None = None
    cam_from_world: np.ndarray | None = None
    seconds: float | None = None
    diagnoses: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    cloud: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back exactly (floats keep all digits)."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Prediction":
        """The inverse of `to_json`; unknown keys are ignored."""
        known = {key: record[key] for key in cls.__dataclass_fields__ if key in record}
        if known.get("cam_from_world") is not None:
            known["cam_from_world"] = np.array(known["cam_from_world"], dtype=float)
        return cls(**known)


@dataclass(frozen=True)
class SampleResult:
    """One sample: what went in, what came out, and its errors.

    `selection` says which of several candidates the prediction is, and the distances behind the choice; None
    where there was nothing to pick.
    """

    sample: PairSample
    prediction: Prediction
    error: PoseError
    selection: dict[str, Any] | None = None

    @property
    def true_angle_deg(self) -> float | None:
        """Angle of the true relative rotation: how wide the pair is."""
        if self.sample.cam_from_world is None:
            return None
        first, second = self.sample.cam_from_world[:, :3, :3]
        return rotation_error_deg(np.eye(3), second @ first.T)

    @property
    def true_yaw_deg(self) -> float | None:
        """Signed turn of the true optical axis about the first camera's vertical, in (-180, 180].

        Positive towards the first camera's right (OpenCV axes: x right, y down, z forward).
        """
        if self.sample.cam_from_world is None:
            return None
        first, second = self.sample.cam_from_world[:, :3, :3]
        x, _, z = (second @ first.T)[2]
        return float(np.degrees(np.arctan2(x, z)))

    def row(self) -> dict[str, Any]:
        """A flat JSON-serialisable record; `selection` stands in it where a candidate was picked."""
        return {
            "idx": self.sample.idx,
            "status": self.prediction.status,
            "rotation_error_deg": self.error.rotation_deg,
            "translation_error_deg": self.error.translation_deg,
            "reason": self.prediction.reason or self.error.reason,
            "true_angle_deg": self.true_angle_deg,
            "true_yaw_deg": self.true_yaw_deg,
            "n_views": len(self.sample.image_paths),
            "seconds": self.prediction.seconds,
            "img1": str(self.sample.image_paths[0]),
            "img2": str(self.sample.image_paths[-1]),
            "diagnoses": self.prediction.diagnoses,
            "notes": self.prediction.notes,
            "cam_from_world": self.prediction.cam_from_world,
            **({} if self.selection is None else {"selection": self.selection}),
        }


@dataclass(frozen=True)
class PoseResult:
    """The pose stage of one run; `remarks` is what every table of it must say (ground truth was used...)."""

    samples: list[SampleResult]
    summary: PoseSummary
    model: str
    weights: str
    n_reused: int
    cache_dir: str | None
    seconds: float
    remarks: list[str] = field(default_factory=list)

    @property
    def bad_inputs(self) -> list[SampleResult]:
        """Samples that could not be read."""
        return [s for s in self.samples if s.prediction.status == BAD_INPUT]

    @property
    def broken(self) -> list[SampleResult]:
        """Samples on which the program or the machine failed, not the model."""
        return [s for s in self.samples if s.prediction.status == BROKEN]

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` holds under ``pose``."""
        return {
            "model": self.model,
            "weights": self.weights,
            **asdict(self.summary),
            "n_reused": self.n_reused,
            "cache_dir": self.cache_dir,
            "seconds": self.seconds,
            "remarks": self.remarks,
            "failures_by_sample": [
                {"idx": s.sample.idx, "status": s.prediction.status, "reason": s.row()["reason"]}
                for s in self.samples
                if s.error.rotation_deg is None
            ],
            "diagnoses_by_sample": [
                {"idx": s.sample.idx, "diagnoses": s.prediction.diagnoses}
                for s in self.samples
                if s.prediction.diagnoses
            ],
            "samples": [s.row() for s in self.samples],
        }


def score_sample(sample: PairSample, prediction: Prediction, config: MetricsConfig) -> SampleResult:
    """Errors of one prediction against its sample's ground truth."""
    if sample.cam_from_world is None:
        error = PoseError(None, None, sample.problem, has_true_direction=None)
    elif prediction.cam_from_world is None:
        directed = has_true_direction(sample.cam_from_world)
        error = PoseError(None, None, prediction.reason, directed)
    else:
        error = pair_error(sample.cam_from_world, prediction.cam_from_world, config)
    return SampleResult(sample, prediction, error)


def summarize_samples(samples: Sequence[SampleResult], config: MetricsConfig) -> PoseSummary:
    """`summarize` over sample results."""
    return summarize([s.error for s in samples], config)
