"""The metrics of N views over all samples of a run, pooled as papers do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hw4.config import MetricsConfig
from hw4.core.metric import ViewsMetric
from hw4.metrics import views_metrics
from hw4.pose.metrics import PENALIZE, Measured, most_frequent
from hw4.pose.resampling import cluster_codes, resample, t_interval


@dataclass(frozen=True)
class ViewsScores:
    """What one sample of N views came to.

    Attributes:
        scene: its scene's name.
        cluster: equal in samples that are not independent.
        values: its metrics by name.
        missing: why others are not among them.
        failed: whether there is no result at all.
    """

    scene: str
    cluster: str
    values: Mapping[str, float]
    missing: Mapping[str, str]
    failed: bool


def group_of(scene: str) -> str:
    """What a scene is pooled with: its category where it is named ``category/scene``, else itself alone."""
    return scene.rpartition("/")[0] or scene


def summarize_views(samples: Sequence[ViewsScores], config: MetricsConfig) -> dict[str, Measured]:
    """Every metric of N views by name: the mean over each scene's (category's) samples, then over these.

    The interval draws the scenes (categories), or, where there is only one category, its scenes.
    """
    return {row.name: _measured(row, samples, config) for row in views_metrics()} if samples else {}


def _measured(row: ViewsMetric, samples: Sequence[ViewsScores], config: MetricsConfig) -> Measured:
    counted = [(sample, _value(row, sample, config)) for sample in samples]
    known = [(sample, value) for sample, value in counted if value is not None]
    if not known:
        return Measured(None, reason=most_frequent([s.missing.get(row.name) for s in samples]))
    values = np.array([value for _, value in known])
    groups = cluster_codes([group_of(sample.scene) for sample, _ in known])
    clusters = cluster_codes([sample.cluster for sample, _ in known])
    if groups.max() > 0:
        values = np.bincount(groups, values) / np.bincount(groups)
        clusters = np.arange(len(values))
    value, n = float(values.mean()), int(clusters.max()) + 1
    if config.bootstrap == 0:
        return Measured(value, reason="no interval, because metrics.bootstrap=0")
    if n < 2:
        return Measured(value, reason="no interval, because one scene has no spread")
    (drawn,) = resample([values], lambda v: v.mean(axis=-1), clusters, config.bootstrap, config.seed)
    return Measured(value, *t_interval(value, drawn, n, (0.0, row.highest)))


def _value(row: ViewsMetric, sample: ViewsScores, config: MetricsConfig) -> float | None:
    if sample.failed and config.failures == PENALIZE:
        return row.worst
    return sample.values.get(row.name)
