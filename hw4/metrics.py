"""The table of metrics: what is measured, how it is summed up, written and compared. One row a metric.

Tables, reports, comparisons, `hw4 runs`, W&B and `objective=` read it; another package adds rows through the
entry-point group ``hw4.metrics``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from hw4.core.metric import (
    HIGHER,
    LARGER,
    LOWER,
    ROTATION,
    TRANSLATION,
    Metric,
    PoseMetric,
    SplatMetric,
    ViewsMetric,
)
from hw4.core.plugins import with_plugins
from hw4.core.protocols import HOMEWORK, PAPERS, RELATIVE
from hw4.core.scale import DECIBEL, DEGREES, PER_CENT, SHARE, Scale

GROUP = "hw4.metrics"
# Limits in degrees below which samples are counted.
ACC_THRESHOLDS = (5, 15, 30)
AUC_THRESHOLDS = (30, 15, 5, 3)


def accuracy(errors_deg: np.ndarray, threshold: float) -> np.ndarray:
    """Share of errors strictly below a threshold, over the last axis."""
    return (errors_deg < threshold).mean(axis=-1)


def auc(errors_deg: np.ndarray, threshold: int) -> np.ndarray:
    """Mean over the integer thresholds 1..T of the share of errors below each, over the last axis."""
    return np.mean([accuracy(errors_deg, t) for t in range(1, threshold + 1)], axis=0)


def _mean(errors_deg: np.ndarray) -> np.ndarray:
    return errors_deg.mean(axis=-1)


def _median(errors_deg: np.ndarray) -> np.ndarray:
    return np.median(errors_deg, axis=-1)


def _accuracy(threshold: int) -> PoseMetric:
    return PoseMetric(
        name=f"Acc@{threshold}",
        statistic=lambda errors: accuracy(errors, threshold),
        scale=PER_CENT,
        better=HIGHER,
        is_listed=threshold == 15,
        protocols=(RELATIVE, HOMEWORK),
    )


def _relative_accuracy(name: str, errors: str, threshold: int) -> PoseMetric:
    return PoseMetric(
        name=f"{name}@{threshold}",
        statistic=lambda values: accuracy(values, threshold),
        errors=errors,
        scale=PER_CENT,
        better=HIGHER,
        is_charted=False,
        protocols=(PAPERS,),
    )


def _auc(threshold: int) -> PoseMetric:
    return PoseMetric(
        name=f"AUC@{threshold}",
        statistic=lambda errors: auc(errors, threshold),
        scale=SHARE,
        better=HIGHER,
        is_listed=threshold == 30,
    )


MEAN_ROTATION = PoseMetric(
    name="MRE",
    statistic=_mean,
    errors=ROTATION,
    scale=DEGREES,
    better=LOWER,
    is_headline=True,
    is_listed=True,
)
MEAN_TRANSLATION = PoseMetric(
    name="MTE", statistic=_mean, errors=TRANSLATION, scale=DEGREES, better=LOWER, is_listed=True
)
# Compared, but not in a run's summary.
MEDIAN_ROTATION = PoseMetric(
    name="median rotation error",
    statistic=_median,
    errors=ROTATION,
    scale=DEGREES,
    better=LOWER,
    is_summarised=False,
)
MEAN_LARGER = PoseMetric(
    name="mean of the larger error",
    statistic=_mean,
    errors=LARGER,
    scale=DEGREES,
    better=LOWER,
    is_summarised=False,
    only_mode=LARGER,
)
AREAS = tuple(map(_auc, AUC_THRESHOLDS))
# The area that the drawing of an error distribution shades.
AREA = AREAS[0]

POSE_ROWS = (
    *(MEAN_ROTATION, MEDIAN_ROTATION, MEAN_TRANSLATION, MEAN_LARGER),
    *map(_accuracy, ACC_THRESHOLDS),
    # What papers report under the names relative rotation and relative translation accuracy.
    *(_relative_accuracy("RRA", ROTATION, threshold) for threshold in ACC_THRESHOLDS),
    *(_relative_accuracy("RTA", TRANSLATION, threshold) for threshold in ACC_THRESHOLDS),
    *AREAS,
)


def _pairs(name: str, threshold: int, statistic: Callable[[Any], Any], scale: Scale) -> ViewsMetric:
    return ViewsMetric(
        name=f"pairs_{name}@{threshold}",
        symbol=f"{name}@{threshold} of pairs",
        score=statistic,
        scale=scale,
        better=HIGHER,
        highest=1.0,
        worst=0.0,
        is_listed=name == "AUC" and threshold == AUC_THRESHOLDS[0],
        is_charted=False,
    )


def _rra(threshold: int) -> ViewsMetric:
    return _pairs("RRA", threshold, lambda views: accuracy(views.pairs.rotation, threshold), PER_CENT)


def _rta(threshold: int) -> ViewsMetric:
    return _pairs("RTA", threshold, lambda views: accuracy(views.pairs.directed, threshold), PER_CENT)


def _pairs_auc(threshold: int) -> ViewsMetric:
    return _pairs("AUC", threshold, lambda views: auc(views.pairs.larger, threshold), SHARE)


# What a share of right ones says of itself.
RIGHT: dict[str, Any] = {"better": HIGHER, "highest": 1.0, "worst": 0.0}


def _views(name: str, symbol: str, score: str, scale: Scale, unit: str = "", **says: Any) -> ViewsMetric:
    address = f"hw4.pose.view_scores:{score}"
    says = {"better": LOWER, "is_charted": False, **says}
    return ViewsMetric(name=name, symbol=symbol, unit=unit, score=address, scale=scale, **says)


VIEWS_ROWS = (
    *map(_rra, ACC_THRESHOLDS),
    *map(_rta, ACC_THRESHOLDS),
    *map(_pairs_auc, AUC_THRESHOLDS),
    _views("ate", "ATE", "ate", SHARE, is_listed=True),
    _views("rpe", "RPE", "rpe", SHARE),
    _views("rpe_rotation", "RPE of rotations", "rpe_rotation", DEGREES, highest=180.0),
    _views("focal_error", "focal length error", "focal_error", PER_CENT),
    _views("principal_error", "principal ray error", "principal_error", DEGREES, highest=90.0),
    _views("abs_rel", "AbsRel (median)", "abs_rel", SHARE),
    _views("delta_125", "δ<1.25 (median)", "delta", PER_CENT, **RIGHT),
    _views("abs_rel_lsq", "AbsRel (least squares)", "abs_rel_lsq", SHARE),
    _views("delta_125_lsq", "δ<1.25 (least squares)", "delta_lsq", PER_CENT, **RIGHT),
    _views("point_accuracy", "accuracy of points", "point_accuracy", SHARE),
    _views("point_completeness", "completeness of points", "point_completeness", SHARE),
    _views("point_f_score", "F-score of points", "point_f_score", PER_CENT, **RIGHT),
)
SPLAT_ROWS = (
    SplatMetric(
        name="psnr",
        symbol="PSNR",
        unit="dB",
        score="hw4.splat.scoring.scores:psnr",
        scale=DECIBEL,
        better=HIGHER,
        is_headline=True,
        is_listed=True,
    ),
    SplatMetric(
        name="ssim",
        symbol="SSIM",
        score="hw4.splat.scoring.scores:Ssim",
        needs_setup=True,
        scale=SHARE,
        better=HIGHER,
        is_listed=True,
    ),
    SplatMetric(
        name="lpips",
        symbol="LPIPS",
        score="hw4.splat.scoring.lpips:Lpips",
        needs_setup=True,
        check="hw4.splat.scoring.lpips_weights:find_weights",
        scale=SHARE,
        better=LOWER,
        is_listed=True,
        is_charted=False,
    ),
    SplatMetric(
        name="initial_psnr",
        symbol="PSNR before training",
        unit="dB",
        score="hw4.splat.scoring.scores:initial_psnr",
        scale=DECIBEL,
        better=HIGHER,
        is_result=False,
    ),
)


def table() -> dict[str, Metric]:
    """Every metric by name: this package's rows, then those of others.

    Raises:
        UserError: another package offers something else, or a name that is taken.
    """
    rows: dict[str, Metric] = {row.name: row for row in (*POSE_ROWS, *VIEWS_ROWS, *SPLAT_ROWS)}
    return with_plugins(GROUP, rows, (PoseMetric, ViewsMetric, SplatMetric), "metric", named_alike=False)


def pose_metrics(protocol: str | None = None) -> list[PoseMetric]:
    """The rows of the pose stage, those of comparisons alone among them; None: of any protocol."""
    rows = [row for row in table().values() if isinstance(row, PoseMetric)]
    return [row for row in rows if None in (protocol, row.protocols) or protocol in (row.protocols or ())]


def summary_metrics(protocol: str | None = None) -> list[PoseMetric]:
    """The rows that a pose run's summary has; None: under any protocol."""
    return [row for row in pose_metrics(protocol) if row.is_summarised]


def views_metrics() -> list[ViewsMetric]:
    """The rows of the pose stage that samples of N views have besides."""
    return [row for row in table().values() if isinstance(row, ViewsMetric)]


def splat_metrics() -> list[SplatMetric]:
    """The rows of the splat stage, results first."""
    rows = [row for row in table().values() if isinstance(row, SplatMetric)]
    return sorted(rows, key=lambda row: not row.is_result)


def splat_results() -> list[SplatMetric]:
    """The rows that say what came out of a splat run."""
    return [row for row in splat_metrics() if row.is_result]


def pose_headline() -> PoseMetric:
    """The one number of a pose run."""
    return next(row for row in pose_metrics() if row.is_headline)


def splat_headline() -> SplatMetric:
    """The one number of a splat run."""
    return next(row for row in splat_metrics() if row.is_headline)


def scale_of(name: str) -> Scale:
    """How values of a metric are written; one that is not in the table (any more) has four digits."""
    row = table().get(name)
    return SHARE if row is None else row.scale


def label_of(name: str) -> str:
    """What tables call a metric; one that is not in the table (any more) goes by its name."""
    row = table().get(name)
    return name if row is None else row.title


def objectives() -> dict[str, Metric]:
    """What `objective=` can name: every metric that a run's results hold."""
    rows: list[Metric] = [*summary_metrics(), *views_metrics(), *splat_metrics()]
    return {row.objective: row for row in rows}


def headline_objectives() -> list[str]:
    """The names that advice on `objective=` gives: one a stage."""
    return [row.objective for row in (splat_headline(), pose_headline())]
