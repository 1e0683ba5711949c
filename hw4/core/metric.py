"""What a metric is: its row in the table `hw4.metrics`, of a pose evaluation or of a splat."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import numpy as np

from hw4.core.scale import Scale

LOWER, HIGHER = "lower", "higher"
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
    def key(self) -> str:
        """What logs call it, in letters that every tool can sort and compute with: ``acc_5``."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")

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
class ViewsMetric(Metric):
    """A score of each sample of N views, part of the pose stage.

    Summed up as papers do: the mean over the samples of a scene (of a category, where scenes are named
    ``category/scene``), then the mean over these.

    Attributes:
        score: function of a `hw4.pose.view_scores.ScoredViews`, or its address ``package.module:name``.
            Raises `MetricUnavailable` where the sample cannot be scored.
        highest: the largest value that there can be; the least is 0.
        worst: what a sample without a result counts as where failures count; None: there is no worst value,
            and it is left out.
    """

    score: Callable[..., Any] | str
    highest: float = math.inf
    worst: float | None = None

    def function(self) -> Callable[..., Any]:
        """`score`, imported."""
        return resolve_name(self.score) if isinstance(self.score, str) else self.score


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
