"""What a report answers: on constructed runs where ranks, means, failures and successes disagree."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hw4.config import Config, MetricsConfig, ReportConfig
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.vggt.config import VggtConfig
from hw4.pose.metrics import NO_DIRECTION
from hw4.records.runs import load_runs
from hw4.report.answers import answer, difference, evidence
from hw4.report.document import write_report
from hw4.report.questions import question, title_of, told_apart
from hw4.report.statistics.comparisons import (
    FAILURES,
    MEAN,
    MIXED,
    SUCCESSES,
    UNTESTED,
    Comparison,
    all_comparisons,
)
from hw4.report.statistics.paired import BETTER, NOT_SHOWN, WORSE
from tests.support.report_folders import (
    METRICS,
    pair_and_interpolated,
    pose_results,
    read_table,
    sample,
    write_job,
    write_pose_job,
)

Errors = Sequence[float | None]
BASE = [1.0 + 0.7 * i for i in range(40)]


def two_runs(root: Path, first: Errors, second: Errors, metrics: MetricsConfig = METRICS) -> Path:
    for name, config, errors in zip("01", pair_and_interpolated(), (first, second), strict=True):
        write_pose_job(root / name, replace(config, metrics=metrics), errors)
    return root


def compared(root: Path) -> Comparison:
    (found,) = all_comparisons(load_runs(root).runs, 0.05, 15.0)
    return found


def overview(root: Path) -> str:
    """The lines of the overview that answer a question."""
    text = write_report(root).markdown.read_text().split("## Pose: summaries")[0]
    return "\n".join(line for line in text.splitlines() if "on this data?" in line)


def test_lower_in_most_samples_and_higher_on_average_is_mixed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(2, 28, 40)
    other = errors - rng.uniform(0.5, 3, 40)
    other[[3, 9, 15, 21, 27, 33]] = errors[[3, 9, 15, 21, 27, 33]] + 100
    c = compared(two_runs(tmp_path / "x", errors.tolist(), other.tolist()))
    assert (c.verdict, c.direction, c.against) == (MIXED, BETTER, (MEAN,))
    change = (other - errors).mean()
    fact = f"Mixed: sample by sample its rotation errors are lower, but their mean changes by +{change:.3f}°"
    line = overview(tmp_path / "x")
    assert fact in line and "Yes" not in line
    assert c.tested is not None and c.tested.low is not None and c.tested.low > 0
    assert f"(95 % interval +{c.tested.low:.3f}° … +{c.tested.high:.3f}°)" in line
    back = compared(two_runs(tmp_path / "back", other.tolist(), errors.tolist()))
    assert (back.verdict, back.direction, back.against) == (MIXED, WORSE, (MEAN,))
    assert "its rotation errors are higher, but their mean changes by −" in answer(back)


def test_who_fails_on_half_the_samples_does_not_win_on_the_rest(tmp_path: Path) -> None:
    # Below 15 degrees: 20 of 40 with the pair, 11 of 40 with frames.
    second = [error - 2 if i % 2 else None for i, error in enumerate(BASE)]
    c = compared(two_runs(tmp_path / "x", BASE, second))
    before, after = sum(e < 15 for e in BASE), sum(e is not None and e < 15 for e in second)
    assert (before, after) == (20, 11)
    only_after = sum(e is not None and e < 15 <= x for x, e in zip(BASE, second, strict=True))
    p = stats.binomtest(only_after, before - after + 2 * only_after).pvalue
    assert p < 0.05 and c.success.test.p == pytest.approx(p)
    assert (c.verdict, c.direction, c.against) == (MIXED, BETTER, (FAILURES, SUCCESSES))
    line = overview(tmp_path / "x")
    assert "Yes" not in line and "lower on the 20 of 40 samples solved by both, but over all 40" in line
    change = np.mean([180 if e is None else e for e in second]) - np.mean(BASE)
    assert f"failures as 180°, the mean changes by +{change:.3f}°" in line
    assert f"go from 20 to 11 of 40 (McNemar, exact: p = {p:.4f}, unadjusted)" in line


def test_a_few_failures_make_the_yes_conditional(tmp_path: Path) -> None:
    first: Errors = [None, None, *BASE[2:]]
    c = compared(two_runs(tmp_path / "fewer", first, [e - 0.9 for e in BASE]))
    assert answer(c) == "Yes, its rotation errors are lower on the 38 of 40 samples solved by both."
    assert c.all_penalized is not None and c.all_penalized.delta < 0
    # Two failures more outweigh 0.9 degrees: not shown by an interval, and no plain yes either.
    c = compared(two_runs(tmp_path / "more", BASE, [None, None, *(e - 0.9 for e in BASE[2:])]))
    assert c.against == (FAILURES,) and c.verdict == MIXED and c.success.test.p == 1.0
    assert "Over all 40, failures as 180°, it goes from 14.650° (pair)" in evidence(c, 0.05)
    # Where failures count 180° from the start, nothing is left out.
    penalize = replace(METRICS, failures="penalize")
    c = compared(two_runs(tmp_path / "pen", first, [e - 0.9 for e in BASE], penalize))
    assert answer(c) == "Yes, its rotation errors are lower." and not c.is_partial


def test_failures_as_180_are_said_to_be_averaged(tmp_path: Path) -> None:
    second = [None if i < 4 else e - 3 for i, e in enumerate(BASE[:20])]
    root = two_runs(tmp_path, BASE[:20], second, replace(METRICS, failures="penalize"))
    c = compared(root)
    text = evidence(c, 0.05)
    after = np.mean([180 if e is None else e for e in second])
    assert (
        "16 of 20 shared samples have a result in both runs. Over all 20, failures as 180°, the mean" in text
    )
    assert f"rotation error goes from {np.mean(BASE[:20]):.3f}° (pair) to {after:.3f}° (interpolated)" in text
    assert "their mean" not in text and ", failures as 180°, changes by" in difference(c)


def turned(idx: int, rotation: float | None, translation: float | None, reason: str | None = None) -> Any:
    """A record whose two errors are given."""
    record = sample(idx, rotation, reason=reason or "too few matches")
    return {**record, "translation_error_deg": translation, "reason": reason}


def with_records(root: Path, metrics: MetricsConfig, *runs: Sequence[dict[str, Any]]) -> Path:
    for name, config, records in zip("01", pair_and_interpolated(), runs, strict=True):
        config = replace(config, metrics=metrics)
        write_job(root / name, config, pose=pose_results(records, config))
    return root


@pytest.mark.parametrize(
    ("mode", "what", "mean"),
    [
        ("T", "translation errors", "mean translation error"),
        ("both", "errors (the larger of rotation and translation)", "mean of the larger error"),
    ],
)
def test_the_tested_error_is_the_one_that_is_quoted(tmp_path: Path, mode: str, what: str, mean: str) -> None:
    first = [turned(i, 10.0 + i, 30.0 + i) for i in range(20)]
    second = [turned(i, 13.0 + i, 25.0 + i) for i in range(20)]
    root = with_records(tmp_path, replace(METRICS, mode=mode), first, second)
    c = compared(root)
    assert answer(c) == f"Yes, its {what} are lower."
    assert f"their {mean} goes from 39.500° (pair) to 34.500° (interpolated)" in evidence(c, 0.05)
    assert f"The {mean} changes by −5.000°" in overview(root)
    table = read_table(write_report(root).markdown.read_text(), "Interpolated against pair (sfm): metrics")
    assert table["MRE"][0] == "+3.000°" and table["mean, failures as 180°"][0] == "−5.000°"
    assert (table.get("mean of the larger error", ["—"])[0] == "−5.000°") == (mode == "both")


@pytest.mark.parametrize("failures", ["penalize", "exclude"])
def test_a_truth_without_translations_gives_no_translation_error(tmp_path: Path, failures: str) -> None:
    first = [turned(i, 10.0 + i, None, NO_DIRECTION) for i in range(12)]
    second = [turned(i, 7.0 + i, None, NO_DIRECTION) for i in range(11)]
    second.append(turned(11, None, None, "too few matches"))
    root = with_records(tmp_path, replace(METRICS, failures=failures), first, second)
    text = write_report(root).markdown.read_text()
    table = read_table(text, "Interpolated against pair (sfm): metrics")
    assert table["MTE"] == ["—"] * 4
    assert f"- MTE is missing: {NO_DIRECTION}\n" in text
    assert read_table(text, "Every pose run")["MTE"] == ["—", "—"]


def test_samples_without_direction_are_left_out_of_the_translation_alone(tmp_path: Path) -> None:
    first = [turned(i, 10.0, 20.0 + i) for i in range(8)] + [turned(8, 10.0, None, NO_DIRECTION)]
    second = [turned(i, 8.0, 10.0 + i) for i in range(8)] + [turned(8, 8.0, None, NO_DIRECTION)]
    root = with_records(tmp_path, replace(METRICS, failures="penalize"), first, second)
    text = write_report(root).markdown.read_text()
    table = read_table(text, "Interpolated against pair (sfm): metrics")
    assert table["MTE"][0] == "−10.000°" and table["MTE"][2:] == ["23.500°", "13.500°"]
    assert "MTE over 8 samples" in text
    c = compared(with_records(tmp_path / "T", replace(METRICS, mode="T"), first, second))
    assert (c.n_shared, c.n_undirected) == (8, 1)


def four_runs(root: Path, n: int, shift: float) -> Path:
    """Two models, two inputs: four comparisons, of which the first has small differences of one sign."""
    rng = np.random.default_rng(3)
    number = 0
    for model in (Dust3rConfig(), VggtConfig()):
        for config in pair_and_interpolated():
            noise = rng.normal(0, 4, n) if number > 1 else np.zeros(n)
            errors = 20 + np.arange(n) + noise + (rng.normal(shift, 2, n) if number == 1 else 0)
            write_pose_job(root / str(number), replace(config, model=model), errors.tolist())
            number += 1
    return root


def test_what_only_the_adjustment_took_away_is_said_to_be_that(tmp_path: Path) -> None:
    found = all_comparisons(load_runs(four_runs(tmp_path, 40, -0.73)).runs, 0.05, 15.0)
    c = found[0]
    assert c.rank.p is not None and c.adjusted_p is not None and c.rank.p < 0.05 <= c.adjusted_p
    assert c.tested is not None and c.tested.high is not None and c.tested.high < 0
    text = evidence(c, 0.05)
    assert c.verdict == NOT_SHOWN and "a few samples carry the change" not in text
    assert "That is below 0.05 by itself, but not after adjustment for 4 comparisons." in text


def test_too_small_counts_the_other_comparisons(tmp_path: Path) -> None:
    # Six samples could give p = 1/32 alone; as one of four comparisons, 1/8 at the best.
    found = all_comparisons(load_runs(four_runs(tmp_path, 6, 0.0)).runs, 0.05, 15.0)
    assert all(c.rank.smallest_p == 1 / 32 and c.verdict == NOT_SHOWN for c in found)
    c = max(found, key=lambda c: c.least_adjusted_p or 0)
    assert c.least_adjusted_p == pytest.approx(4 / 32)
    text = evidence(c, 0.05)
    assert "no outcome gives an adjusted p below 0.1250: this data is too small" in text
    assert "among 4 comparisons" in text


def selection_sweep(root: Path, *selections: str, models: Sequence[Any] = (Dust3rConfig(),)) -> Path:
    number = 0
    rng = np.random.default_rng(1)
    for model in models:
        hard = rng.uniform(5, 60, 30)
        for selection in selections:
            pair, interpolated = pair_and_interpolated()
            config = (
                pair
                if selection == "pair"
                else replace(interpolated, input=replace(interpolated.input, selection=selection))
            )
            gain = {"pair": 0.0, "all": 1.0, "medoid": 2.0, "oracle": 4.0}[selection]
            errors = hard - gain - rng.uniform(0, 0.5, 30)
            write_pose_job(root / str(number), replace(config, model=model), errors.tolist())
            number += 1
    return root


def test_the_medoid_is_asked_about_and_measured_against_its_bound(tmp_path: Path) -> None:
    root = selection_sweep(tmp_path, "all", "medoid", "oracle")
    found = all_comparisons(load_runs(root).runs, 0.05, 15.0)
    assert [(c.kind, c.a.name, c.b.name) for c in found] == [
        ("selection", "job 0", "job 1"),
        ("bound", "job 1", "job 2"),
    ]
    method, bound = found
    assert (method.verdict, method.n_comparisons, method.adjusted_p) == (BETTER, 1, method.rank.p)
    assert (bound.verdict, bound.adjusted_p) == (UNTESTED, None)
    first, second = overview(root).splitlines()
    asked = (
        "Is selection=medoid better than selection=all, for dust3r with interpolated frames, on this data?"
    )
    assert first.startswith(
        f"**{asked}** Yes, its rotation errors are lower. The mean rotation error changes"
    )
    assert "How far is selection=medoid from its bound, selection=oracle (picked with the ground" in second
    assert bound.tested is not None
    assert f"from selection=medoid to its bound, changes by −{-bound.tested.delta:.3f}°" in second
    assert "an upper bound, not a method" in second and "Wilcoxon" not in evidence(bound, 0.05)


def test_oracles_do_not_count_among_the_tests(tmp_path: Path) -> None:
    models = (Dust3rConfig(), VggtConfig())
    root = selection_sweep(tmp_path, "pair", "all", "medoid", "oracle", models=models)
    found = all_comparisons(load_runs(root).runs, 0.05, 15.0)
    tested = [c for c in found if not c.oracles]
    assert {c.n_comparisons for c in found} == {len(tested)} == {9}
    assert all(c.adjusted_p is None for c in found if c.oracles)
    assert title_of(found[1]) == "Interpolated (medoid) against pair (dust3r)"
    for texts in (list(map(title_of, found)), list(map(question, found))):
        assert len(set(texts)) == len(found)
    in_overview = overview(root)
    assert "oracle" not in "".join(line for line in in_overview.splitlines() if "its bound" not in line)
    assert in_overview.count("its bound") == 4


def test_settings_of_two_models_have_titles_of_their_own(tmp_path: Path) -> None:
    pair, _ = pair_and_interpolated()
    number = 0
    for model in (Dust3rConfig(), VggtConfig()):
        for fold in (False, True):
            config = replace(pair, model=model, metrics=replace(METRICS, fold_translation=fold))
            write_pose_job(tmp_path / str(number), config, BASE[:12])
            number += 1
    found = [c for c in all_comparisons(load_runs(tmp_path).runs, 0.05, 15.0) if c.kind == "setting"]
    assert [title_of(c) for c in found] == [
        "fold_translation=True against fold_translation=False (dust3r, pair)",
        "fold_translation=True against fold_translation=False (vggt, pair)",
    ]
    asked = (
        "Is fold_translation=True better than fold_translation=False, for vggt with input pair, on this data?"
    )
    assert question(found[1]) == asked


def test_runs_of_the_same_question_are_told_apart(tmp_path: Path) -> None:
    pair, interpolated = pair_and_interpolated()
    write_pose_job(tmp_path / "0", pair, BASE)
    for number, count in enumerate((4, 8), 1):
        config = replace(interpolated, input=replace(interpolated.input, max_frames=count))
        write_pose_job(tmp_path / str(number), config, [e - 0.1 * number for e in BASE])
    found = told_apart(all_comparisons(load_runs(tmp_path).runs, 0.05, 15.0))
    assert [title_of(c) for c in found if c.kind == "input"] == [
        "Interpolated against pair (sfm) (sfm, interpolated, max_frames=4 against sfm, pair)",
        "Interpolated against pair (sfm) (sfm, interpolated, max_frames=8 against sfm, pair)",
    ]


def test_every_number_of_a_comparison_is_in_the_csv(tmp_path: Path) -> None:
    root = four_runs(tmp_path, 30, -1.0)
    options = ReportConfig(alpha=0.1, success_deg=25)
    written = write_report(root, options)
    found = all_comparisons(load_runs(root).runs, options.alpha, options.success_deg)
    rows = list(csv.DictReader((written.data / "comparisons.csv").read_text().splitlines()))
    assert len(rows) == len(found) == 4
    for row, c in zip(rows, found, strict=True):
        assert (row["question"], row["a_job"], row["b_job"]) == (question(c), c.a.name, c.b.name)
        assert row["verdict"] == c.verdict and float(row["alpha"]) == 0.1
        assert c.tested is not None and c.rank.p is not None and c.adjusted_p is not None
        values = {
            "tested change": c.tested.delta,
            "tested low": c.tested.low,
            "tested high": c.tested.high,
            "MRE change": c.changes.deltas["MRE"].delta,
            "AUC@30 high": c.changes.deltas["AUC@30"].high,
            "wilcoxon_p": c.rank.p,
            "wilcoxon_adjusted_p": c.adjusted_p,
            "sign_test_p": c.sign.p,
            "success_only_a": c.success.only_a,
            "success_only_b": c.success.only_b,
            "success_deg": 25,
        }
        for name, value in values.items():
            assert float(row[name]) == value, name
        assert row["mcnemar_p"] == ("" if c.success.test.p is None else str(c.success.test.p))
    assert "comparisons.csv" in written.html.read_text() and "comparisons.csv" in written.markdown.read_text()


def test_tests_that_are_not_adjusted_say_so(tmp_path: Path) -> None:
    c = compared(two_runs(tmp_path, BASE, [e - 1 if i % 3 else e + 5 for i, e in enumerate(BASE)]))
    text = write_report(tmp_path).markdown.read_text()
    p = stats.binomtest(sum(i % 3 == 0 for i in range(40)), 40).pvalue
    assert f"- sign test: p = {p:.4f}, unadjusted, n = 40\n" in text
    assert c.success.test.p is not None and "McNemar, exact: p = " in text and "unadjusted)." in text


def test_no_configuration_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "multirun.yaml").touch()
    text = write_report(tmp_path).markdown.read_text()
    assert "No run here has a configuration." in text and "nothing to differ from" not in text
    write_pose_job(tmp_path / "0", Config(task="pose"), BASE)
    assert "One configuration, that of job 0" in write_report(tmp_path).markdown.read_text()


def test_folded_translations_fail_at_the_end_of_their_scale(tmp_path: Path) -> None:
    """As `results.json` counts them (`hw4.pose.metrics.usable_errors`)."""
    metrics = replace(METRICS, mode="T", failures="penalize", fold_translation=True)
    first = [turned(i, 10.0 + i, 30.0 + i) for i in range(20)]
    second = [turned(i, 13.0 + i, None if i < 4 else 25.0 + i) for i in range(20)]
    c = compared(with_records(tmp_path, metrics, first, second))
    expected = np.mean([90.0] * 4 + [25.0 + i for i in range(4, 20)]) - np.mean([30.0 + i for i in range(20)])
    assert c.tested is not None and c.tested.delta == pytest.approx(expected)
    assert "failures as 90°" in evidence(c, 0.05)
    assert c.changes.deltas["MTE"].delta == pytest.approx(expected)


def test_three_pairs_fourteen_times_are_three_pairs(tmp_path: Path) -> None:
    def records(shift: float) -> list[dict[str, Any]]:
        photos = [{"img1": f"/p/{i % 3}_a.png", "img2": f"/p/{i % 3}_b.png"} for i in range(42)]
        return [{**sample(i, 20.0 + i % 3 - shift), **of} for i, of in enumerate(photos)]

    c = compared(with_records(tmp_path, METRICS, records(0), records(5)))
    assert (c.n_shared, c.n_clusters, c.rank.n, c.sign.n) == (42, 3, 3, 3)
    assert c.verdict == NOT_SHOWN and c.rank.p == pytest.approx(0.25)
    text = evidence(c, 0.05)
    assert "The 42 shared samples form 3 groups that share a scene or a picture" in text
    assert "With n = 3 no outcome gives p below 0.2500: this data is too small" in text


def seeded(root: Path, seeds: Sequence[Sequence[int]], errors: Sequence[Sequence[Errors]]) -> Path:
    """A sweep over the input and the model's seed: errors of each run."""
    number = 0
    for config, of, found in zip(pair_and_interpolated(), seeds, errors, strict=True):
        for seed, one in zip(of, found, strict=True):
            model = Dust3rConfig(seed=seed)
            write_pose_job(root / str(number), replace(config, model=model), one)
            number += 1
    return root


def test_settings_are_compared_within_their_seeds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (3, 12))
    first = [(30 + of).tolist() for of in noise]
    second = [(30 + of - rng.uniform(0.1, 1, 12)).tolist() for of in noise]
    (c,) = all_comparisons(load_runs(seeded(tmp_path, [(0, 1, 2)] * 2, [first, second])).runs, 0.05, 15.0)
    assert (len(c.runs), c.n_shared, c.n_clusters, c.rank.n) == (3, 36, 12, 12)
    change = np.mean(second) - np.mean(first)
    assert c.tested is not None and c.tested.delta == pytest.approx(change)
    by_sample = np.mean(np.array(second) - np.array(first), axis=0)
    assert c.rank.p == pytest.approx(stats.wilcoxon(by_sample).pvalue)
    # Paired by seed, the seeds' own noise cancels out: every difference is below zero.
    assert c.rank.effect == -1 and c.verdict == BETTER and not c.warning
    assert c.factors and all("seed" not in factor.key for factor in c.factors)
    assert "3 pairs of runs, by seed, are taken together." in evidence(c, 0.05)
    assert c.a.name == "jobs 0, 1, 2" and c.b.name == "jobs 3, 4, 5"


def test_seeds_that_only_one_setting_has_meet_each_run_of_the_other(tmp_path: Path) -> None:
    first, second = [[10.0, 20.0, 30.0]] * 2, [[9.0, 19.0, 29.0], [8.0, 18.0, 28.0], [7.0, 17.0, 27.0]]
    root = seeded(tmp_path / "one", [(0, 5), (0, 1, 2)], [first, second])
    (c,) = all_comparisons(load_runs(root).runs, 0.05, 15.0)
    assert [(a.option("model.seed"), b.option("model.seed")) for a, b in c.runs] == [(0, 0)]
    assert (c.n_shared, c.n_unmatched) == (3, 3 + 6)
    root = seeded(tmp_path / "none", [(5, 6), (0, 1, 2)], [first, second])
    (c,) = all_comparisons(load_runs(root).runs, 0.05, 15.0)
    assert (len(c.runs), c.n_shared, c.n_clusters, c.n_unmatched) == (6, 18, 3, 0)
    assert c.tested is not None and c.tested.delta == pytest.approx(-2.0)
