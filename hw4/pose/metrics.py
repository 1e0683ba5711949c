"""Pose metrics: errors of one pair, and their summary with bootstrap intervals (DESIGN §4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.config import MetricsConfig

ACC_THRESHOLDS = (5, 15, 30)
AUC_THRESHOLDS = (3, 5, 15, 30)
FAILURE_ERROR_DEG = 180.0
DIRECTION_MIN_NORM = 1e-9


@dataclass(frozen=True)
class PoseError:
    """Errors of one pair in degrees; a missing one is None and its reason is in `reason`.

    `has_true_direction` is False where the truth has no translation direction: such a sample's translation
    is undefined, which is not the model's failure.
    """

    rotation_deg: float | None
    translation_deg: float | None = None
    reason: str | None = None
    has_true_direction: bool = True


@dataclass(frozen=True)
class Metric:
    """A number with its 95 % bootstrap interval, or None with the reason why it is missing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class PoseSummary:
    """All metrics of one run.

    `metrics` maps names (``MRE``, ``MTE``, ``Acc@5`` ..., ``AUC@30`` ...) to `Metric`. ``MRE`` and
    ``MTE`` are in degrees, ``Acc`` and ``AUC`` are shares in [0, 1] of `mode`'s errors.
    """

    metrics: dict[str, Metric]
    n_total: int
    n_valid: int
    n_failed: int
    n_below: dict[int, int]
    protocol: str
    mode: str
    failures: str


def relative_from_cameras(cam_from_world: np.ndarray, protocol: str) -> np.ndarray:
    """(4, 4) relative motion of a pair.

    Args:
        cam_from_world: (2, 4, 4) world-to-camera.
        protocol: ``relative`` gives ``T_2w · T_1w⁻¹``, which no change of world frame alters;
            ``homework`` gives ``P_1 · P_2⁻¹`` on camera-to-world matrices, as the course's script does;
            that one depends on the world frame.
    """
    first, second = cam_from_world
    if protocol == "relative":
        return second @ np.linalg.inv(first)
    return np.linalg.inv(first) @ second


def rotation_error_deg(R_true: np.ndarray, R_estimated: np.ndarray) -> float:
    """Geodesic angle between two (3, 3) rotations in degrees, accurate near 0 and near 180."""
    return float(np.degrees(Rotation.from_matrix(R_true.T @ R_estimated).magnitude()))


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
    rotation_deg = rotation_error_deg(relative_true[:3, :3], relative[:3, :3])
    if not directed:
        return PoseError(rotation_deg, None, "the ground truth has no translation direction", directed)
    if np.linalg.norm(relative[:3, 3]) < DIRECTION_MIN_NORM:
        return PoseError(rotation_deg, None, "the estimated translation is zero: it has no direction")
    translation_deg = direction_error_deg(relative_true[:3, 3], relative[:3, 3], config.fold_translation)
    return PoseError(rotation_deg, translation_deg)


def has_true_direction(cam_from_world_true: np.ndarray) -> bool:
    """Whether the truth (2, 4, 4) has translations and a baseline that is not zero."""
    if not np.isfinite(cam_from_world_true).all():
        return False
    relative = relative_from_cameras(cam_from_world_true, "relative")
    return bool(np.linalg.norm(relative[:3, 3]) >= DIRECTION_MIN_NORM)


def accuracy(errors_deg: np.ndarray, threshold: float) -> np.ndarray:
    """Share of errors strictly below a threshold, over the last axis."""
    return (errors_deg < threshold).mean(axis=-1)


def auc(errors_deg: np.ndarray, threshold: int) -> np.ndarray:
    """Mean over the integer thresholds 1..T of the share of errors below each, over the last axis."""
    return np.mean([accuracy(errors_deg, t) for t in range(1, threshold + 1)], axis=0)


def with_interval(
    errors_deg: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], config: MetricsConfig
) -> Metric:
    """A statistic with its 95 % percentile bootstrap interval over the samples."""
    value = float(statistic(errors_deg))
    n = len(errors_deg)
    if n < 2 or config.bootstrap == 0:
        return Metric(value, reason="no interval: it needs two samples and metrics.bootstrap > 0")
    draws = np.random.default_rng(config.seed).integers(0, n, (config.bootstrap, n))
    low, high = np.percentile(statistic(errors_deg[draws]), [2.5, 97.5])
    return Metric(value, float(low), float(high))


def _usable(values: Sequence[float | None], failures: str) -> np.ndarray:
    if failures == "penalize":
        return np.array([FAILURE_ERROR_DEG if v is None else v for v in values], dtype=float)
    return np.array([v for v in values if v is not None], dtype=float)


def summarize(errors: Sequence[PoseError], config: MetricsConfig) -> PoseSummary:
    """Metrics over all samples of a run.

    Args:
        errors: one per sample, failed ones with ``rotation_deg=None``.
        config: mode, failures policy and bootstrap.

    Returns:
        the summary; a metric that no sample defines has value None and its reason.
    """
    rotation = [e.rotation_deg for e in errors]
    directed = [e for e in errors if e.has_true_direction]
    translation = [e.translation_deg for e in directed]
    if config.mode == "R":
        headline: list[float | None] = list(rotation)
    elif config.mode == "T":
        headline = list(translation)
    else:
        headline = [
            None
            if e.rotation_deg is None or e.translation_deg is None
            else max(e.rotation_deg, e.translation_deg)
            for e in directed
        ]
    reasons = sorted({e.reason for e in errors if e.reason})
    why = reasons[0] if reasons else "no sample has a result"
    metrics: dict[str, Metric] = {}

    def put(name: str, values: Sequence[float | None], statistic: Callable[[np.ndarray], np.ndarray]) -> None:
        usable = _usable(values, config.failures)
        metrics[name] = with_interval(usable, statistic, config) if len(usable) else Metric(None, reason=why)

    put("MRE", rotation, lambda e: e.mean(axis=-1))
    put("MTE", translation, lambda e: e.mean(axis=-1))
    for threshold in ACC_THRESHOLDS:
        put(f"Acc@{threshold}", headline, lambda e, t=threshold: accuracy(e, t))  # type: ignore[misc]
    for threshold in AUC_THRESHOLDS:
        put(f"AUC@{threshold}", headline, lambda e, t=threshold: auc(e, t))  # type: ignore[misc]
    n_valid = sum(v is not None for v in rotation)
    return PoseSummary(
        metrics,
        n_total=len(errors),
        n_valid=n_valid,
        n_failed=len(errors) - n_valid,
        n_below={t: sum(e is not None and e < t for e in headline) for t in ACC_THRESHOLDS},
        protocol=config.protocol,
        mode=config.mode,
        failures=config.failures,
    )
