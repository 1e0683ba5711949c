"""Two metrics: the worst rotation error of a run, and the mean absolute error of a rendered view."""

from typing import TYPE_CHECKING

import numpy as np

from hw4.metrics import DEGREES, LOWER, ROTATION, SHARE, PoseMetric, SplatMetric

if TYPE_CHECKING:
    from hw4.splat.scoring.view import RenderedView


def worst(errors_deg: np.ndarray) -> np.ndarray:
    """The largest error, over the last axis."""
    return errors_deg.max(axis=-1)


def mean_absolute_error(view: "RenderedView") -> float:
    """Mean over pixels and channels of |render - photo|, in [0, 1]."""
    return float((view.render - view.target).abs().mean())


WORST = PoseMetric(
    name="Worst", statistic=worst, errors=ROTATION, scale=DEGREES, better=LOWER, is_listed=True
)
MAE = SplatMetric(
    name="mae",
    symbol="MAE",
    score=mean_absolute_error,
    scale=SHARE,
    better=LOWER,
    is_listed=True,
)
