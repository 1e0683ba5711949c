"""The table of metrics: what is measured, how it is summed up, written and compared. One row a metric.

Tables, reports, comparisons, `hw4 runs`, W&B and `objective=` read it; another package adds rows through the
entry-point group ``hw4.metrics``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import numpy as np

from hw4.core.errors import UserError
from hw4.core.plugins import plugins
from hw4.core.protocols import HOMEWORK, RELATIVE, VGGT
from hw4.core.scale import DECIBEL, DEGREES, PER_CENT, SHARE, Scale

GROUP = "hw4.metrics"
LOWER, HIGHER = "lower", "higher"
# Limits in degrees below which samples are counted.
ACC_THRESHOLDS = (5, 15, 30)
AUC_THRESHOLDS = (30, 15, 5, 3)
# Which error of a sample counts: of the rotation, of the translation's direction, or the larger of the two.
ROTATION, TRANSLATION, LARGER = "R", "T", "both"


class MetricUnavailable(Exception):
    """A metric cannot be had here, or of one view; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What every row says.

    Attributes:
        name: in results.json, in the logs and for `objective`.
        scale: how values are written.
        better: `LOWER` or `HIGHER`.
        symbol: in tables; empty: the name. `unit` stands behind it where the cells do not name it.
        is_headline: the one number for a stage where there is room for one.
        is_listed: whether `hw4 runs` has a column of it.
        is_charted: whether the W&B workspace draws it; what many runs lack would leave an empty panel.
    """

    name: str
    scale: Scale
    better: str
    symbol: str = ""
    unit: str = ""
    is_headline: bool = False
    is_listed: bool = False
    is_charted: bool = True

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.symbol or self.name

    @property
    def title(self) -> str:
        """The label with the unit that its cells leave out."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def said(self, value: float | None) -> str:
        """A value with its label and unit, for a sentence or below a picture."""
        return f"{self.label} {self.scale.text(value)}" + (f" {self.unit}" if self.unit else "")

    @property
    def objective(self) -> str:
        """What `objective=` calls it: larger is better, so one that should be low is negated."""
        return self.name.lower() if self.better == HIGHER else f"neg_{self.name.lower()}"


@dataclass(frozen=True, kw_only=True)
class PoseMetric(Metric):
    """A statistic of the errors (degrees) over samples.

    Attributes:
        statistic: reduces the last axis of an array of errors.
        errors: `ROTATION`, `TRANSLATION`, `LARGER`, or None: the error that `metrics.mode` chooses.
        is_summarised: whether a run's summary has it; a comparison of two runs always does.
        only_mode: the only `metrics.mode` under which it says anything new; None: any.
        protocols: the values of `metrics.protocol` that have it; None: all.
    """

    statistic: Callable[[np.ndarray], np.ndarray]
    errors: str | None = None
    is_summarised: bool = True
    only_mode: str | None = None
    protocols: tuple[str, ...] | None = None

    def mode(self, configured: str) -> str:
        """The error it is made of under a `metrics.mode`."""
        return self.errors or configured


@dataclass(frozen=True, kw_only=True)
class SplatMetric(Metric):
    """A score of each test view, summed up by the mean over them.

    Attributes:
        score: function of a `hw4.splat.scoring.view.RenderedView`, or its address ``package.module:name``,
            which is imported when something is scored. Returns a float, or None where nothing is to be said.
            Raises `MetricUnavailable` where the view cannot be scored.
        needs_setup: `score` is not that function but makes it, from `splat.eval` and the torch device.
        check: address of a function of `splat.eval` that raises `MetricUnavailable` where the metric cannot
            be had, before anything is computed; empty: it always can.
        is_result: False: it describes the start of training, and stands apart from what came out.
    """

    score: Callable[..., Any] | str
    needs_setup: bool = False
    check: str = ""
    is_result: bool = True

    def function(self) -> Callable[..., Any]:
        """`score`, imported."""
        return resolve_name(self.score) if isinstance(self.score, str) else self.score


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
        protocols=(VGGT,),
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
# The area that the drawing of an error distribution shades.
AREA = _auc(AUC_THRESHOLDS[0])

POSE_ROWS = (
    *(MEAN_ROTATION, MEDIAN_ROTATION, MEAN_TRANSLATION, MEAN_LARGER),
    *map(_accuracy, ACC_THRESHOLDS),
    # What papers report under the names relative rotation and relative translation accuracy.
    *(_relative_accuracy("RRA", ROTATION, threshold) for threshold in ACC_THRESHOLDS),
    *(_relative_accuracy("RTA", TRANSLATION, threshold) for threshold in ACC_THRESHOLDS),
    *(AREA, *map(_auc, AUC_THRESHOLDS[1:])),
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
    rows: dict[str, Metric] = {row.name: row for row in (*POSE_ROWS, *SPLAT_ROWS)}
    for entry, row in plugins(GROUP).items():
        if not isinstance(row, PoseMetric | SplatMetric):
            raise UserError(
                f"the entry point {entry} of {GROUP} is a {type(row).__name__}, not a PoseMetric or "
                "SplatMetric of hw4.metrics: mend or uninstall its package."
            )
        if row.name in rows:
            raise UserError(
                f"the entry point {entry} of {GROUP} offers a metric {row.name}, which there is already: "
                "rename it, or uninstall its package."
            )
        rows[row.name] = row
    return rows


def pose_metrics(protocol: str | None = None) -> list[PoseMetric]:
    """The rows of the pose stage, those of comparisons alone among them; None: of any protocol."""
    rows = [row for row in table().values() if isinstance(row, PoseMetric)]
    return [row for row in rows if None in (protocol, row.protocols) or protocol in (row.protocols or ())]


def summary_metrics(protocol: str | None = None) -> list[PoseMetric]:
    """The rows that a pose run's summary has; None: under any protocol."""
    return [row for row in pose_metrics(protocol) if row.is_summarised]


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


def objectives() -> dict[str, Metric]:
    """What `objective=` can name: every metric that a run's results hold."""
    rows: list[Metric] = [*summary_metrics(), *splat_metrics()]
    return {row.objective: row for row in rows}


def headline_objectives() -> list[str]:
    """The names that advice on `objective=` gives: one a stage."""
    return [row.objective for row in (splat_headline(), pose_headline())]
