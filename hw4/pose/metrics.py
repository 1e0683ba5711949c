"""Pose errors of one pair, and the summary of many with bootstrap intervals."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hw4.config import MetricsConfig
from hw4.core.protocols import HOMEWORK, PAPERS, RELATIVE
from hw4.geometry.rotations import rotation_angle
from hw4.metrics import ACC_THRESHOLDS, LARGER, ROTATION, TRANSLATION, summary_metrics
from hw4.pose.resampling import bounds, cluster_codes, resample, t_interval

# The value of `metrics.failures` under which a sample without a result counts as the worst.
PENALIZE = "penalize"
FAILURE_ERROR_DEG = 180.0
FOLDED_FAILURE_DEG = 90.0
DIRECTION_MIN_NORM = 1e-9
# The course's script keeps cosines this far from 1 and -1, so that no error is below it.
CLAMP_DEG = float(np.degrees(np.arccos(1 - 1e-7)))
NO_DIRECTION = "the ground truth has no translation direction"


@dataclass(frozen=True)
class PoseError:
    """Errors of one pair in degrees; a missing one is None and its reason is in `reason`.

    `has_true_direction` is False where the truth has no translation direction: such a sample's translation
    is undefined, which is not the model's failure. None: the truth could not be read.
    """

    rotation_deg: float | None
    translation_deg: float | None = None
    reason: str | None = None
    has_true_direction: bool | None = True


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % bootstrap interval, or None with the reason why it is missing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Measured":
        """A metric of ``results.json``; what is not recorded is None."""
        return cls(*(record.get(key) for key in ("value", "low", "high", "reason")))


@dataclass(frozen=True)
class PoseSummary:
    """All metrics of one run.

    `metrics` has a value for each row of `hw4.metrics.summary_metrics`: means in degrees, shares in [0, 1].
    `n_clusters`: how many groups of samples share no scene and no picture with each other; intervals draw
    these. None: an older version drew samples.
    """

    metrics: dict[str, Measured]
    n_total: int
    n_valid: int
    n_failed: int
    n_below: dict[int, int]
    protocol: str
    mode: str
    failures: str
    fold_translation: bool = False
    n_clusters: int | None = None

    @property
    def drawn(self) -> str:
        """What intervals and tests take as independent, in words."""
        if self.n_clusters is None or self.n_clusters == self.n_total:
            return "samples"
        groups = "group" if self.n_clusters == 1 else "groups"
        return f"{self.n_clusters} {groups} of samples that share a scene or a picture"

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "PoseSummary":
        """The inverse of ``asdict`` through JSON; unknown keys are ignored."""
        known = {key: record[key] for key in cls.__dataclass_fields__ if key in record}
        known.setdefault("n_failed", record["n_total"] - record["n_valid"])
        known["metrics"] = {name: Measured.from_json(metric) for name, metric in record["metrics"].items()}
        known["n_below"] = {int(limit): count for limit, count in record["n_below"].items()}
        return cls(**known)


def relative_from_cameras(cam_from_world: np.ndarray, protocol: str) -> np.ndarray:
    """(4, 4) relative motion of a pair.

    Args:
        cam_from_world: (2, 4, 4) world-to-camera.
        protocol: ``relative`` gives ``T_2w · T_1w⁻¹``, which no change of world frame alters;
            ``homework`` gives ``P_1 · P_2⁻¹`` on camera-to-world matrices, as the course's script does;
            that one depends on the world frame. `PAPERS` gives ``T_1w · T_2w⁻¹``, the inverse of the first,
            as the evaluations of RelPose, PoseDiffusion and their followers do.
    """
    first, second = cam_from_world
    if protocol == RELATIVE:
        return second @ np.linalg.inv(first)
    if protocol == PAPERS:
        return first @ np.linalg.inv(second)
    return np.linalg.inv(first) @ second


def rotation_error_deg(R_true: np.ndarray, R_estimated: np.ndarray) -> float:
    """Geodesic angle between two (3, 3) rotations in degrees, accurate near 0 and near 180."""
    return float(np.degrees(rotation_angle(R_true.T @ R_estimated)))


def direction_error_deg(t_true: np.ndarray, t_estimated: np.ndarray, fold: bool) -> float:
    """Angle between two (3,) directions in degrees; with `fold`, opposite directions count as equal."""
    cross = np.linalg.norm(np.cross(t_true, t_estimated))
    angle = float(np.degrees(np.arctan2(cross, np.dot(t_true, t_estimated))))
    return min(angle, 180.0 - angle) if fold else angle


def pair_error(
    cam_from_world_true: np.ndarray, cam_from_world: np.ndarray, config: MetricsConfig
) -> PoseError:
    """Errors of a pair's estimated cameras.

    Args:
        cam_from_world_true: (2, 4, 4) world-to-camera; NaN translation where unknown.
        cam_from_world: (2, 4, 4) estimate, in any world frame and scale.
        config: protocol and translation folding.
    """
    directed = has_true_direction(cam_from_world_true)
    if not np.isfinite(cam_from_world).all():
        return PoseError(None, None, "the estimated camera is not finite", directed)
    for rotation in cam_from_world[:, :3, :3]:
        if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2 or np.linalg.det(rotation) < 0:
            return PoseError(None, None, "the estimated camera holds no rotation matrix", directed)
    relative = relative_from_cameras(cam_from_world, config.protocol)
    relative_true = relative_from_cameras(np.nan_to_num(cam_from_world_true), config.protocol)
    rotation_deg = _as_measured(rotation_error_deg(relative_true[:3, :3], relative[:3, :3]), config.protocol)
    if not directed:
        return PoseError(rotation_deg, None, NO_DIRECTION, directed)
    if np.linalg.norm(relative[:3, 3]) < DIRECTION_MIN_NORM:
        return PoseError(rotation_deg, None, "the estimated translation is zero: it has no direction")
    translation_deg = direction_error_deg(relative_true[:3, 3], relative[:3, 3], fold=False)
    translation_deg = _as_measured(translation_deg, config.protocol)
    if config.folds:
        translation_deg = min(translation_deg, 180.0 - translation_deg)
    return PoseError(rotation_deg, translation_deg)


def _as_measured(angle_deg: float, protocol: str) -> float:
    """The angle as the protocol's script has it: the course's clamps the cosine before it takes the angle."""
    return min(max(angle_deg, CLAMP_DEG), 180.0 - CLAMP_DEG) if protocol == HOMEWORK else angle_deg


def has_true_direction(cam_from_world_true: np.ndarray) -> bool:
    """Whether the truth (2, 4, 4) has translations and a baseline that is not zero."""
    if not np.isfinite(cam_from_world_true).all():
        return False
    relative = relative_from_cameras(cam_from_world_true, "relative")
    return bool(np.linalg.norm(relative[:3, 3]) >= DIRECTION_MIN_NORM)


def with_interval(
    errors_deg: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    config: MetricsConfig,
    clusters: Sequence[Hashable] | None = None,
) -> Measured:
    """A statistic with its 95 % interval, see `hw4.pose.resampling`.

    Args:
        errors_deg: (n,) errors.
        statistic: reduces the last axis.
        config: draws and their seed.
        clusters: the label of each error's cluster, equal where samples share a scene; None: all independent.
    """
    value = float(statistic(errors_deg))
    codes = cluster_codes(range(len(errors_deg)) if clusters is None else clusters)
    n = int(codes.max()) + 1
    if config.bootstrap == 0:
        return Measured(value, reason="no interval, because metrics.bootstrap=0")
    if n < 2:
        one = "one sample has" if len(codes) == 1 else f"all {len(codes)} samples share a scene or a picture:"
        return Measured(value, reason=f"no interval, because {one} no spread")
    (drawn,) = resample([errors_deg], statistic, codes, config.bootstrap, config.seed)
    return Measured(value, *t_interval(value, drawn, n, bounds(statistic, value, FAILURE_ERROR_DEG)))


def error_of(error: PoseError, mode: str) -> float | None:
    """A sample's error in degrees under a mode: ``R``, ``T``, or ``both``, the larger of the two."""
    parts = {
        ROTATION: (error.rotation_deg,),
        TRANSLATION: (error.translation_deg,),
        LARGER: (error.rotation_deg, error.translation_deg),
    }[mode]
    known = [part for part in parts if part is not None]
    return max(known) if len(known) == len(parts) else None


def counted(errors: Sequence[PoseError], mode: str) -> list[PoseError]:
    """The samples that a mode counts: without a true direction, translation says nothing about the model.

    A truth that could not be read counts (as a failure) unless no truth at all has a direction.
    """
    if mode == ROTATION:
        return list(errors)
    told = any(e.has_true_direction for e in errors)
    return [e for e in errors if e.has_true_direction or (e.has_true_direction is None and told)]


def worst_deg(mode: str, fold_translation: bool) -> float:
    """The largest error in degrees that there is under a mode: what a failure counts as, where it counts."""
    return FOLDED_FAILURE_DEG if mode == TRANSLATION and fold_translation else FAILURE_ERROR_DEG


def usable_errors(
    errors: Sequence[PoseError], mode: str, failures: str, fold_translation: bool = False
) -> np.ndarray:
    """The errors (degrees) that metrics of a mode are made of.

    Args:
        errors: one per sample.
        mode: ``R``, ``T`` or ``both``.
        failures: ``exclude`` leaves samples without an error out; ``penalize`` gives them the largest error
            that there is: 180 degrees, or 90 for a translation that is folded.
        fold_translation: whether opposite translations count as equal.
    """
    return _usable(errors, mode, failures, fold_translation)[1]


def _usable(
    errors: Sequence[PoseError], mode: str, failures: str, fold_translation: bool
) -> tuple[list[int], np.ndarray]:
    """The numbers of the samples that metrics of a mode are made of, and their errors."""
    kept = set(map(id, counted(errors, mode)))
    found = [(number, error_of(e, mode)) for number, e in enumerate(errors) if id(e) in kept]
    if failures == PENALIZE:
        worst = worst_deg(mode, fold_translation)
        found = [(number, worst if value is None else value) for number, value in found]
    known = [(number, value) for number, value in found if value is not None]
    return [number for number, _ in known], np.array([value for _, value in known], dtype=float)


def _why_missing(errors: Sequence[PoseError], mode: str) -> str:
    """Why no sample defines a metric of this mode, the most frequent reason first."""
    failed = counted(errors, mode)
    reasons = (
        [e.reason for e in failed]
        if failed
        else [NO_DIRECTION if e.has_true_direction is False else e.reason for e in errors]
    )
    return most_frequent(reasons)


def most_frequent(reasons: Sequence[str | None]) -> str:
    """The reasons of samples, the three most frequent with their numbers."""
    counts = Counter(reason or "no reason given" for reason in reasons).most_common(3)
    if len(counts) < 2:
        return counts[0][0] if counts else "there is no sample"
    return "; ".join(f"{reason} ({n} of {len(reasons)} samples)" for reason, n in counts)


def summarize(
    errors: Sequence[PoseError], config: MetricsConfig, clusters: Sequence[str] | None = None
) -> PoseSummary:
    """Metrics over all samples of a run.

    Args:
        errors: one per sample, failed ones with ``rotation_deg=None``.
        config: mode, failures policy and bootstrap.
        clusters: a label per sample, equal where samples share a scene or a picture; None: none do.

    Returns:
        the summary; a metric that no sample defines has value None and its reason.
    """
    metrics: dict[str, Measured] = {}
    labels = [str(number) for number in range(len(errors))] if clusters is None else clusters
    for row in summary_metrics(config.protocol):
        mode = row.mode(config.errors_mode)
        numbers, usable = _usable(errors, mode, config.failures, config.folds)
        if len(usable):
            of_them = [labels[number] for number in numbers]
            metrics[row.name] = with_interval(usable, row.statistic, config, of_them)
        else:
            metrics[row.name] = Measured(None, reason=_why_missing(errors, mode))
    headline = [error_of(e, config.errors_mode) for e in counted(errors, config.errors_mode)]
    n_valid = sum(e.rotation_deg is not None for e in errors)
    return PoseSummary(
        metrics,
        n_total=len(errors),
        n_valid=n_valid,
        n_failed=len(errors) - n_valid,
        n_below={t: sum(e is not None and e < t for e in headline) for t in ACC_THRESHOLDS},
        protocol=config.protocol,
        mode=config.errors_mode,
        failures=config.failures,
        fold_translation=config.folds,
        n_clusters=len(set(labels)),
    )
