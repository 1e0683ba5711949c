"""The evaluation of camera pose: one loop over samples, whatever the predictions come from."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hw4.config import MetricsConfig
from hw4.data.clusters import clusters
from hw4.data.pairs.repeats import repeats
from hw4.data.pairs.samples import PairSample
from hw4.data.views.sample import SampleViews
from hw4.models.base import ReconstructionModel
from hw4.pose.dense import Dense, read_dense
from hw4.pose.from_model import FromModel
from hw4.pose.remarks import left_at_identity
from hw4.pose.results import BAD_INPUT, PoseResult, Prediction, SampleResult
from hw4.pose.scoring import score_sample, summarize_beside, summarize_samples
from hw4.pose.source import Answer, Source

OnSample = Callable[[SampleResult, bool], None]


def evaluate_pose(
    samples: Sequence[PairSample],
    source: ReconstructionModel | Source,
    metrics: MetricsConfig | None = None,
    on_sample: OnSample | None = None,
) -> PoseResult:
    """Score predictions of samples; one that goes wrong has its reason in the result and never ends the run.

    Args:
        samples: what to evaluate, in order: pairs, or `hw4.data.views.sample.SampleViews` of N views, each of
            which is scored.
        source: a model, or where else predictions come from: `hw4.pose.from_model.FromModel` keeps a model's
            on disk, `hw4.pose.candidates.FromCandidates` picks among several, `hw4.pose.predictions.FromFile`
            reads them.
        metrics: how to score.
        on_sample: called with each result and whether nothing had to be computed for it.

    Raises:
        UserError: the source cannot be used, or results cannot be written.
    """
    started = time.perf_counter()
    metrics = metrics or MetricsConfig()
    source = FromModel(source) if isinstance(source, ReconstructionModel) else source
    results: list[SampleResult] = []
    n_reused = 0
    groups = clusters(samples)
    # Closed, so that a source lets go of its locks whatever ends the loop.
    with closing(source.answers([s for s in samples if s.problem is None])) as answers:
        for sample, cluster in zip(samples, groups, strict=True):
            if sample.problem is None:
                answer = next(answers)
            else:
                answer = Answer(sample, Prediction(sample.idx, BAD_INPUT, sample.problem))
            scored = score_sample(answer.sample, answer.prediction, metrics, _dense(answer, source.cache_dir))
            results.append(replace(scored, selection=answer.selection, cluster=cluster))
            n_reused += answer.reused
            if on_sample:
                on_sample(results[-1], answer.reused)
    model, weights = source.labels
    return PoseResult(
        results,
        summarize_samples(results, metrics),
        model=model,
        weights=weights,
        n_reused=n_reused,
        cache_dir=None if source.cache_dir is None else str(source.cache_dir),
        seconds=time.perf_counter() - started,
        remarks=[
            *source.remarks,
            *repeats([sample for sample in samples if not isinstance(sample, SampleViews)]),
            *left_at_identity(results),
        ],
        relative=summarize_beside(results, metrics),
    )


def _dense(answer: Answer, cache_dir: Path | None) -> Dense | None:
    """The depths that are kept with a prediction of N views."""
    cloud = answer.prediction.cloud
    if not isinstance(answer.sample, SampleViews) or cache_dir is None or cloud is None:
        return None
    return read_dense(cache_dir / cloud)
