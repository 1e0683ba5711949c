"""Metrics of N views over a run: pooled by scene and category, with failures, intervals and reasons."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw4.config import MetricsConfig
from hw4.core.durable import jsonable
from hw4.data.views.sample import SampleViews
from hw4.metrics import views_metrics
from hw4.output.pose_tables import pose_table
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.resampling import resample, t_interval
from hw4.pose.results import PoseResult, Prediction, SampleResult
from hw4.pose.scoring import score_sample, summarize_samples
from hw4.pose.view_summary import ViewsScores, summarize_views
from hw4.report.statistics.shared_samples import Pair, metric_changes
from tests.support.views import K, Oracle, ring, write_photos

CONFIG = MetricsConfig(bootstrap=0)
NAME = "pairs_RRA@5"


def scored(scene: str, value: float | None, failed: bool = False) -> ViewsScores:
    values = {} if value is None else {NAME: value, "ate": value}
    return ViewsScores(scene, scene, values, {} if values else {NAME: "why", "ate": "why"}, failed)


def test_scenes_weigh_the_same_however_many_samples_they_have() -> None:
    samples = [scored("a", 1.0)] * 9 + [scored("b", 0.0)]
    assert summarize_views(samples, CONFIG)[NAME].value == 0.5
    # Scenes of one category are pooled, then the categories.
    samples = [scored("apple/1", 1.0), scored("apple/2", 1.0), scored("bench/1", 0.5), scored("bench/2", 0.0)]
    assert summarize_views(samples, CONFIG)[NAME].value == 0.625
    # By all that stands before the scene's own name.
    samples = [scored(name, value) for name, value in (("s/tum/1", 1.0), ("s/tum/2", 1.0), ("s/eth/1", 0.0))]
    assert summarize_views(samples, CONFIG)[NAME].value == 0.5
    assert summarize_views([], CONFIG) == {}


def test_intervals_draw_scenes_or_categories() -> None:
    config = MetricsConfig(bootstrap=500)
    values = [0.2, 0.9, 0.5, 0.7]
    samples = [scored(scene, value) for scene, value in zip("abcd", values, strict=True)]
    found = summarize_views([*samples, *samples], config)[NAME]
    (drawn,) = resample([np.array(values)], lambda v: v.mean(axis=-1), np.arange(4), 500, 0)
    assert (found.low, found.high) == t_interval(float(np.mean(values)), drawn, 4, (0.0, 1.0))
    assert found.low is not None and 0 <= found.low < found.high <= 1
    # One category: its scenes are what is drawn.
    one = summarize_views([replace(s, scene=f"apple/{s.scene}") for s in samples], config)[NAME]
    assert (one.low, one.high) == pytest.approx((found.low, found.high))
    alone = summarize_views(samples[:1] * 3, config)[NAME]
    assert (alone.low, alone.reason) == (None, "no interval, because one scene has no spread")


def test_a_failure_is_left_out_or_the_worst_share_and_never_a_length() -> None:
    samples = [scored("a", 1.0), scored("b", None, failed=True)]
    left_out = summarize_views(samples, CONFIG)
    assert left_out[NAME].value == left_out["ate"].value == 1.0
    penalized = summarize_views(samples, MetricsConfig(bootstrap=0, failures="penalize"))
    assert penalized[NAME].value == 0.5 and penalized["ate"].value == 1.0
    nothing = summarize_views(samples[1:], CONFIG)[NAME]
    assert (nothing.value, nothing.reason) == (None, "why")


def views(folder: Path, idx: int, scene: str, Ks: bool = True) -> SampleViews:
    names = tuple(f"{scene}_{number}.png" for number in range(4))
    paths = tuple(folder / name for name in names)
    write_photos(paths)
    known = np.tile(K, (4, 1, 1)) if Ks else None
    return SampleViews(idx, paths, ring(4, 100 + 20 * idx), known, scene=scene, names=names)


def oracle(samples: Sequence[SampleViews], lost: Sequence[str] = ()) -> Oracle:
    known = [zip(s.names, s.cam_from_world, strict=True) for s in samples if s.cam_from_world is not None]
    return Oracle({name: camera for pairs in known for name, camera in pairs}, lost)


def test_an_evaluation_has_them_and_its_record_too(tmp_path: Path) -> None:
    samples = [views(tmp_path, 0, "a"), views(tmp_path, 1, "b", Ks=False)]
    result = evaluate_pose(samples, oracle(samples, lost=["b_3.png"]), MetricsConfig(bootstrap=50))
    metrics = result.summary.metrics
    assert {row.name for row in views_metrics()} <= metrics.keys()
    assert metrics["pairs_AUC@30"].value == pytest.approx((1 + 3 / 6) / 2)
    # Of the scene without a lost view alone, and with its reason where it is missing.
    assert metrics["ate"].value == pytest.approx(0, abs=1e-6)
    assert result.samples[1].missing["ate"] == "1 of 4 views have no camera"
    assert result.samples[1].missing["focal_error"] == "the data has no true intrinsics"
    back = PoseResult.from_json(json.loads(json.dumps(jsonable(result.to_json()))))
    assert [one.scores for one in back.samples] == [one.scores for one in result.samples]
    assert summarize_samples(back.samples, MetricsConfig(bootstrap=50)) == result.summary
    rows = {row[0]: row[1] for row in pose_table(result, "t").rows}
    assert rows["AUC@30 of pairs"] == "0.7500" and rows["ATE"] == "0.0000"


def test_pairs_have_none_of_them(tmp_path: Path) -> None:
    result = SampleResult.from_row(
        {
            "idx": 0,
            "status": "ok",
            "img1": "a",
            "img2": "b",
            "rotation_error_deg": 1.0,
            "translation_error_deg": 1,
        }
    )
    assert not summarize_samples([result], CONFIG).metrics.keys() & {row.name for row in views_metrics()}


def test_a_sample_without_a_prediction_lacks_each_with_its_reason(tmp_path: Path) -> None:
    found = score_sample(views(tmp_path, 0, "a"), Prediction(0, "failed", "no matches"), CONFIG)
    assert found.scores == {} and set(found.missing.values()) == {"no matches"}


def test_two_runs_are_compared_by_them(tmp_path: Path) -> None:
    samples = [views(tmp_path, number, name) for number, name in enumerate("abc")]
    runs = [evaluate_pose(samples, oracle(samples, lost), CONFIG).samples for lost in ((), ["a_0.png"])]
    pairs = [Pair(a, b, number) for number, (a, b) in enumerate(zip(*runs, strict=True))]
    changes = metric_changes(pairs, "R", None, 100, 0)
    assert changes.deltas["pairs_RRA@5"].delta == pytest.approx(-0.5 / 3)
    assert changes.counts["ate"] == 2 and changes.counts["pairs_RRA@5"] == 3
