"""Predictions against the truth: the errors of a sample, and the metrics over many."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hw4.config import MetricsConfig
from hw4.data.clusters import labelled
from hw4.data.pairs.samples import PairSample
from hw4.data.views.sample import SampleViews
from hw4.geometry.cameras import widest_turn_deg, yaw_deg
from hw4.metrics import views_metrics
from hw4.models.base import GIVEN_KS
from hw4.pose.beside import relative_config
from hw4.pose.dense import Dense
from hw4.pose.metrics import (
    PoseError,
    PoseSummary,
    has_true_direction,
    pair_error,
    rotation_error_deg,
    summarize,
)
from hw4.pose.results import Prediction, SampleResult
from hw4.pose.view_scores import ScoredViews, scores
from hw4.pose.view_summary import ViewsScores, summarize_views
from hw4.pose.views import views_error


def score_sample(
    sample: PairSample, prediction: Prediction, config: MetricsConfig, dense: Dense | None = None
) -> SampleResult:
    """Errors of one prediction against its sample's ground truth; `dense`: its depths, where kept."""
    beside = relative_config(config)
    relative = None if beside is None else _error(sample, prediction, beside)
    error = _error(sample, prediction, config)
    n_views = len(sample.image_paths)
    values, missing = scores_of(sample, prediction, dense)
    turn = _true_turn_deg(sample)
    return SampleResult(
        sample, prediction, error, *turn, n_views, relative=relative, scores=values, missing=missing
    )


def scores_of(
    sample: PairSample, prediction: Prediction, dense: Dense | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """The metrics of N views by name, and why others are missing; nothing of a pair."""
    if not isinstance(sample, SampleViews):
        return {}, {}
    if sample.cam_from_world is None or prediction.cam_from_world is None:
        why = sample.problem if sample.cam_from_world is None else prediction.reason
        return {}, {row.name: why or "no reason given" for row in views_metrics()}
    cameras = sample.cam_from_world, prediction.cam_from_world
    given = bool(prediction.notes.get(GIVEN_KS))
    return scores(ScoredViews(*cameras, sample.Ks, prediction.Ks, given, sample.depths, dense))


def _error(sample: PairSample, prediction: Prediction, config: MetricsConfig) -> PoseError:
    if sample.cam_from_world is None:
        return PoseError(None, None, sample.problem, has_true_direction=None)
    if prediction.cam_from_world is None:
        directed = has_true_direction(sample.cam_from_world[[0, -1]])
        return PoseError(None, None, prediction.reason, directed)
    if isinstance(sample, SampleViews):
        return views_error(sample.cam_from_world, prediction.cam_from_world, config, prediction.diagnoses)
    return pair_error(sample.cam_from_world, prediction.cam_from_world, config)


def _true_turn_deg(sample: PairSample) -> tuple[float | None, float | None]:
    """Angle and yaw, as `SampleResult` has them."""
    if sample.cam_from_world is None:
        return None, None
    rotations = sample.cam_from_world[:, :3, :3]
    if len(rotations) > 2:
        return widest_turn_deg(rotations), None
    first, second = rotations
    return rotation_error_deg(np.eye(3), second @ first.T), float(yaw_deg(first, second))


def clusters_of(samples: Sequence[SampleResult]) -> list[str]:
    """The label of each sample's cluster; where none is recorded, samples with a photo in common are one."""
    if all(sample.cluster is not None for sample in samples):
        return [str(sample.cluster) for sample in samples]
    return labelled([[str(path) for path in sample.sample.image_paths] for sample in samples])


def summarize_samples(samples: Sequence[SampleResult], config: MetricsConfig) -> PoseSummary:
    """`summarize` over sample results, with the metrics of N views where samples have them."""
    clusters = clusters_of(samples)
    summary = summarize([s.error for s in samples], config, clusters)
    found = [
        ViewsScores(s.sample.scene, cluster, s.scores, s.missing, s.prediction.cam_from_world is None)
        for s, cluster in zip(samples, clusters, strict=True)
        if isinstance(s.sample, SampleViews)
    ]
    return replace(summary, metrics=summary.metrics | summarize_views(found, config))


def summarize_beside(samples: Sequence[SampleResult], config: MetricsConfig) -> PoseSummary | None:
    """The same of the relative poses, where the protocol has them beside and every sample was scored so."""
    beside = relative_config(config)
    errors = [s.relative for s in samples if s.relative is not None]
    if beside is None or len(errors) < len(samples):
        return None
    return summarize(errors, beside, clusters_of(samples))
