"""What the pose stage returns: one record per sample, and their summary."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.stored import require
from hw4.data.pairs.samples import PairSample
from hw4.data.views.sample import SampleViews
from hw4.pose.metrics import (
    NO_DIRECTION,
    PoseError,
    PoseSummary,
)

OK, FAILED, BAD_INPUT, BROKEN = "ok", "failed", "bad_input", "broken"
# What a result must have to be read back; what came later than the first version has a default.
REQUIRED = (
    *("model", "weights", "metrics", "n_total", "n_valid", "n_below", "protocol", "mode", "failures"),
    "samples",
)


@dataclass(frozen=True)
class Prediction:
    """What a model said about one sample.

    Attributes:
        idx: sample number.
        status: ``ok``; ``failed`` (the model found no cameras); ``bad_input`` (the sample cannot be read);
            ``broken`` (an error of the program or the machine: out of memory...).
        reason: why, unless ok.
        cam_from_world: (2, 4, 4) world-to-camera of the first and last view, or None. Of a
            `hw4.data.views.sample.SampleViews` (N, 4, 4) of all views, NaN where one was not placed.
        seconds: wall time of the model on this sample.
        diagnoses: what was wrong with single views, by view number, and with the frames (``sequence``).
        notes: the model's own facts.
        cloud: file name of the sample's point cloud in the cache folder, or None.
        Ks: (N, 3, 3) intrinsics in pixels of the photos, NaN where unknown; of `SampleViews` only.
    """

    idx: int
    status: str
    reason: str | None = None
    cam_from_world: np.ndarray | None = None
    seconds: float | None = None
    diagnoses: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    cloud: str | None = None
    Ks: np.ndarray | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back exactly (floats keep all digits)."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Prediction":
        """The inverse of `to_json`; unknown keys are ignored."""
        known = {key: record[key] for key in cls.__dataclass_fields__ if key in record}
        for key in ("cam_from_world", "Ks"):
            if known.get(key) is not None:
                known[key] = np.array(known[key], dtype=float)
        return cls(**known)


@dataclass(frozen=True)
class SampleResult:
    """One sample: what went in, what came out, and its errors.

    Attributes:
        sample: what was evaluated; read back from a record, it has its photos, names and true cameras alone.
        prediction: what the model said.
        error: against the truth; of `SampleViews` see `hw4.pose.views.views_error`.
        true_angle_deg: angle of the true relative rotation (how wide the pair is), the largest of N views, or
            None without a truth.
        true_yaw_deg: signed turn of the true optical axis about the first camera's vertical, in (-180, 180],
            positive towards that camera's right (OpenCV axes: x right, y down, z forward), or None, as for
            more than two views.
        n_views: photos and frames that the model saw.
        selection: which of several candidates the prediction is, and the distances behind the choice; None
            where there was nothing to pick.
        relative: the error by relative poses, where another protocol's has it beside (`hw4.pose.beside`).
        scores: the metrics of N views by name, and in `missing` why others are not among them; of
            `SampleViews` only.
        cluster: equal in samples that share a scene or a picture (`hw4.data.clusters`); None: an older
            version did not say.
    """

    sample: PairSample
    prediction: Prediction
    error: PoseError
    true_angle_deg: float | None
    true_yaw_deg: float | None
    n_views: int
    selection: dict[str, Any] | None = None
    relative: PoseError | None = None
    cluster: str | None = None
    scores: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """Why there is no result, or no translation error."""
        return self.prediction.reason or self.error.reason

    def row(self) -> dict[str, Any]:
        """A flat JSON-serialisable record; `selection` stands in it where a candidate was picked."""
        return {
            "idx": self.sample.idx,
            "status": self.prediction.status,
            "rotation_error_deg": self.error.rotation_deg,
            "translation_error_deg": self.error.translation_deg,
            "has_true_direction": self.error.has_true_direction,
            "reason": self.reason,
            "true_angle_deg": self.true_angle_deg,
            "true_yaw_deg": self.true_yaw_deg,
            "n_views": self.n_views,
            "cluster": self.cluster,
            "seconds": self.prediction.seconds,
            "img1": str(self.sample.image_paths[0]),
            "img2": str(self.sample.image_paths[-1]),
            "diagnoses": self.prediction.diagnoses,
            "notes": self.prediction.notes,
            "cam_from_world": self.prediction.cam_from_world,
            "true_cam_from_world": self.sample.cam_from_world,
            "true_Ks": self.sample.Ks,
            **_views_of(self),
            **({} if self.prediction.cloud is None else {"cloud": self.prediction.cloud}),
            **({} if self.selection is None else {"selection": self.selection}),
            **({} if self.relative is None else _beside(self.relative)),
        }

    @classmethod
    def from_row(cls, record: dict[str, Any]) -> "SampleResult":
        """What `row` recorded, also in an older version.

        Raises:
            KeyError: a key is missing that every version has written.
        """
        sample = _recorded_sample(record)
        reason = record.get("reason")
        of_model = None if record["status"] == OK else reason
        return cls(
            sample,
            Prediction.from_json({**record, "reason": of_model}),
            PoseError(
                record["rotation_error_deg"],
                record["translation_error_deg"],
                reason,
                _recorded_direction(record),
            ),
            record.get("true_angle_deg"),
            record.get("true_yaw_deg"),
            record.get("n_views", len(sample.image_paths)),
            record.get("selection"),
            _recorded_relative(record),
            record.get("cluster"),
            record.get("scores") or {},
            record.get("missing") or {},
        )


def _views_of(result: SampleResult) -> dict[str, Any]:
    """What a record says of a sample of N views beyond its first and last photo."""
    sample = result.sample
    if not isinstance(sample, SampleViews):
        return {}
    return {
        "scene": sample.scene,
        "views": list(sample.names),
        "images": list(map(str, sample.image_paths)),
        "Ks": result.prediction.Ks,
        "scores": result.scores,
        "missing": result.missing,
    }


def _recorded_sample(record: dict[str, Any]) -> PairSample:
    idx = record["idx"]
    cameras, Ks = (_recorded_array(record.get(key)) for key in ("true_cam_from_world", "true_Ks"))
    if "views" not in record:
        return PairSample(idx, (Path(record["img1"]), Path(record["img2"])), cameras, Ks)
    paths = tuple(map(Path, record["images"]))
    return SampleViews(idx, paths, cameras, Ks, scene=record["scene"], names=tuple(record["views"]))


def _recorded_array(value: Any) -> np.ndarray | None:
    """Numbers of a record, NaN where it has null; None where an older version did not say."""
    return None if value is None else np.array(value, dtype=float)


def _beside(error: PoseError) -> dict[str, float | None]:
    return {
        "relative_rotation_error_deg": error.rotation_deg,
        "relative_translation_error_deg": error.translation_deg,
    }


def _recorded_relative(record: dict[str, Any]) -> PoseError | None:
    keys = ("relative_rotation_error_deg", "relative_translation_error_deg")
    if not set(keys) <= record.keys():
        return None
    rotation, translation = (record[key] for key in keys)
    return PoseError(rotation, translation, record.get("reason"), _recorded_direction(record))


def _recorded_direction(record: dict[str, Any]) -> bool | None:
    """`PoseError.has_true_direction` of a record; an older one tells it through its outcome alone."""
    if "has_true_direction" in record:
        return record["has_true_direction"]
    if record.get("reason") == NO_DIRECTION:
        return False
    return True if record["rotation_error_deg"] is not None else None


@dataclass(frozen=True)
class PoseResult:
    """The pose stage of one run.

    Attributes:
        samples: one record each.
        summary: the metrics over them.
        model: its name; `weights` their label.
        n_reused: predictions that came from the cache; None where a killed run did not say.
        cache_dir: folder of the predictions, or None where there is none or it was not recorded.
        seconds: the whole stage; None where a killed run did not say.
        remarks: what every table of it must say (ground truth was used...).
        relative: the metrics of relative poses, where another protocol's has them beside.
    """

    samples: list[SampleResult]
    summary: PoseSummary
    model: str
    weights: str
    n_reused: int | None
    cache_dir: str | None
    seconds: float | None
    remarks: list[str] = field(default_factory=list)
    relative: PoseSummary | None = None

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
            **({} if self.relative is None else {"relative": asdict(self.relative)}),
            "failures_by_sample": [
                {"idx": s.sample.idx, "status": s.prediction.status, "reason": s.reason}
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

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "PoseResult":
        """The inverse of `to_json`, also of older versions; unknown keys are ignored.

        Raises:
            ValueError: another version wrote it, and it lacks what this one needs.
        """
        require(record, REQUIRED)
        return cls(
            [SampleResult.from_row(row) for row in record["samples"]],
            PoseSummary.from_json(record),
            record["model"],
            record["weights"],
            record.get("n_reused"),
            record.get("cache_dir"),
            record.get("seconds"),
            record.get("remarks", []),
            PoseSummary.from_json(record["relative"]) if record.get("relative") else None,
        )
