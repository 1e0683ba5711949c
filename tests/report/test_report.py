"""Tables, comparison and figures, from results alone."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hw4.config import InputConfig, MetricsConfig, PairsConfig
from hw4.data.pairs.samples import load_pairs
from hw4.jobs.comparison import write_comparison
from hw4.metrics import summary_metrics
from hw4.output.figures import save_figure
from hw4.output.pose_figures import error_cdf, extreme_samples, extremes_figure
from hw4.output.pose_tables import failures_table, pose_table, samples_table, samples_values
from hw4.output.sweep_table import comparison_table
from hw4.output.tables import Table
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.metrics import PoseError, summarize
from hw4.pose.results import PoseResult
from hw4.records.comparison import compare
from tests.support.fake_models import FakeModel
from tests.support.report_folders import runs_of

MakePairs = Callable[..., tuple[Path, np.ndarray]]


@pytest.fixture
def result(pairs_folder: MakePairs, tmp_path: Path) -> PoseResult:
    root, _ = pairs_folder(9)
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    return evaluate_pose(samples, FromModel(FakeModel, tmp_path / "cache"), MetricsConfig(bootstrap=100))


def job(model: str, lr: float, mre: float | None, **extra: Any) -> dict[str, Any]:
    metric = {"value": mre, "low": None if mre is None else mre - 1, "high": None if mre is None else mre + 1}
    pose = {
        "model": model,
        "weights": "none",
        "n_valid": 3,
        "n_total": 4,
        "n_below": {"5": 1, "15": 2, "30": 3},
        "protocol": "relative",
        "mode": "R",
        "failures": "exclude",
        "metrics": {"MRE": metric},
        "samples": [],
    }
    return {
        "status": "ok",
        "config": {"model": {"name": model, **extra}, "splat": {"lr": lr}, "wandb": {"mode": model}},
        "pose": pose,
    }


def test_comparison_lists_every_differing_key() -> None:
    found = compare(
        runs_of(("0", job("a", 1.0, 5.0, size=512)), ("1", job("b", 2.0, 6.0)), ("2", job("b", 2.0, None)))
    )
    assert found.differing_keys == ["model.name", "model.size", "splat.lr"]
    table = comparison_table(found, "t")
    assert list(table.columns[:3]) == ["job", "model.name", "splat.lr"]
    assert any("model.size=512" in note for note in table.notes)
    assert [row[table.columns.index("MRE")] for row in table.rows] == [
        "5.000° [4.0, 6.0]",
        "6.000° [5.0, 7.0]",
        "—",
    ]


def test_many_jobs_are_counted_and_intervals_are_claimed_where_they_are() -> None:
    jobs = [job("b", float(number), 5.0) for number in range(20)]
    for one in jobs[:12]:
        one["pose"]["remarks"] = ["a remark"]
    for one in jobs[:3]:
        one["pose"]["remarks"] += ["another"]
    lost = [{"status": "failed", "error": "the disk is full", "config": one["config"]} for one in jobs[:2]]
    named = [(str(number), one) for number, one in enumerate([*jobs, *lost])]
    notes = comparison_table(compare(runs_of(*named)), "t").notes
    assert "12 of 22 jobs, the first 0: a remark" in notes and "jobs 0, 1, 2: another" in notes
    assert "jobs 20, 21 failed: the disk is full" in notes
    assert notes[-1] == "MRE with 95 % bootstrap intervals over samples"
    for one in jobs:
        one["pose"]["metrics"]["MRE"] |= {"low": None, "high": None}
    notes = comparison_table(compare(runs_of(*named)), "t").notes
    assert not any("bootstrap" in note for note in notes)


def test_same_jobs_differ_in_nothing() -> None:
    assert compare(runs_of(("0", job("a", 1.0, 5.0)), ("1", job("a", 1.0, 5.0)))).differing_keys == []


def test_sweep_folder_gets_its_files_and_counts_lost_jobs(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / str(number) / ".hydra").mkdir(parents=True)
        if number != 7:
            content = json.dumps(job("a", float(number), 5.0))
            (tmp_path / str(number) / "results.json").write_text(content)
    table, all_good = write_comparison(tmp_path)
    assert not all_good
    assert [row[0] for row in table.rows] == [str(n) for n in range(12)]
    assert any("job 7 failed: the job left no results.json" in note for note in table.notes)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "comparison.csv").read_text())))
    assert len(rows) == 12 and rows[3]["valid"] == "3/4"
    assert json.loads((tmp_path / "comparison.json").read_text())["jobs"][2]["settings"]["splat.lr"] == 2.0
    assert "| 7 |" in (tmp_path / "comparison.md").read_text()


def test_the_comparison_has_metrics_and_nothing_of_each_sample(tmp_path: Path) -> None:
    for number in range(50):
        results = json.loads(json.dumps(job("a", float(number), 5.0)))
        results["pose"]["samples"] = [{"idx": idx, "image": "x" * 100} for idx in range(1000)]
        # As many digits as a run writes, of every metric.
        results["pose"]["metrics"] = {
            row.name: {"value": 5 / 7, "low": 4 / 7, "high": 6 / 7, "reason": None}
            for row in summary_metrics()
        }
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "results.json").write_text(json.dumps(results))
    write_comparison(tmp_path)
    content = (tmp_path / "comparison.json").read_text()
    of_job = json.loads(content)["jobs"][3]["results"]
    assert of_job["status"] == "ok" and of_job["pose"]["n_valid"] == 3
    assert of_job["pose"]["metrics"] == results["pose"]["metrics"]
    assert "samples" not in of_job["pose"] and "config" not in of_job
    assert len(content) < 100_000


def test_a_sweep_of_trainings_compares_their_validation() -> None:
    def training(lr: float, rotation: float | None) -> dict[str, Any]:
        validation = {"val/rotation_deg": rotation, "val/overlap_deg": 4.0, "val/wide_deg": None}
        result = {"steps": 100, "validation": {**validation, "val/points": 0.125, "val/n_failed": 0}}
        return {"status": "ok", "config": {"pretrain": {"lr": lr}}, "pretrain": result}

    failed = {"status": "failed", "error": "x", "config": {"pretrain": {"lr": 3.0}}}
    table = comparison_table(
        compare(runs_of(("0", training(1.0, 12.5)), ("1", training(2.0, None)), ("2", failed))), "t"
    )
    assert table.columns[1:3] == ["pretrain.lr", "steps"]
    assert [row[2:] for row in table.rows] == [
        ["100", "12.500", "4.000", "—", "0.125"],
        ["100", "—", "4.000", "—", "0.125"],
        ["—"] * 5,
    ]


def test_tables_say_what_is_missing(result: PoseResult) -> None:
    table = pose_table(result, "Pose")
    assert [row[0] for row in table.rows][:2] == ["MRE", "MTE"]
    assert "6 of 9 samples valid; 3 failed and are left out" in table.notes
    failures = failures_table(result)
    assert failures is not None and {row[0] for row in failures.rows} == {"3", "4", "8"}
    rows = list(csv.reader(io.StringIO(samples_table(result).csv())))
    assert len(rows) == 10 and rows[4][2] == "—"


def test_markdown_keeps_the_table_whole() -> None:
    text = Table("t", ("a", "b"), [("x|y", "line\nbreak")], ("note",)).markdown()
    assert "| x\\|y | line break |" in text and text.endswith("- note\n")
    flipped = Table("t", ("job", "m"), [("0", "1"), ("1", "2")]).transposed()
    assert flipped.columns == ["job", "0", "1"] and flipped.rows == [["m", "1", "2"]]


def test_cdf_area_is_the_auc_of_the_design(result: PoseResult) -> None:
    figure = error_cdf(result, "t")
    assert figure is not None
    axes = figure.axes[1]
    errors = [s.error.rotation_deg for s in result.samples if s.error.rotation_deg is not None]
    # AUC is defined as the mean, over the integer thresholds 1 to 30, of the share of errors below each.
    shares = [sum(error < threshold for error in errors) / len(errors) for threshold in range(1, 31)]
    area = sum(shares) / 30
    heights, widths = zip(*((bar.get_height(), bar.get_width()) for bar in axes.patches), strict=True)
    assert heights == pytest.approx(shares) and set(widths) == {1.0}
    assert f"AUC@30 = {area:.4f}" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_cdf_has_an_area_to_measure() -> None:
    errors = [PoseError(0.5), PoseError(12.25), PoseError(29.0), PoseError(100.0)]
    summary = summarize(errors, MetricsConfig(bootstrap=0))
    samples = [SimpleNamespace(error=error) for error in errors]
    figure = error_cdf(SimpleNamespace(samples=samples, summary=summary), "t")  # type: ignore[arg-type]
    assert figure is not None
    # By hand: 0.5 passes all 30 thresholds, 12.25 those from 13 on (18), 29 only 30 (1), 100 none.
    assert sum(bar.get_height() for bar in figure.axes[1].patches) / 30 == pytest.approx((30 + 18 + 1) / 120)
    assert summary.metrics["AUC@30"].value == pytest.approx(49 / 120)


def test_missing_intervals_and_penalties_are_said(result: PoseResult) -> None:
    errors = [s.error for s in result.samples]
    config = MetricsConfig(bootstrap=0, failures="penalize", fold_translation=True)
    notes = pose_table(replace(result, summary=summarize(errors, config)), "t").notes
    assert "6 of 9 samples valid; 3 failed and count as 180° (folded translation: as 90°)" in notes
    (why,) = [note for note in notes if "no interval" in note]
    assert why.startswith("MRE, MTE, Acc@5") and why.endswith(": no interval, because metrics.bootstrap=0")
    assert any("mode R, translation folded;" in note for note in notes)


def test_samples_are_logged_as_numbers(result: PoseResult) -> None:
    columns, rows = samples_values(result)
    assert columns == list(samples_table(result).columns)
    error = columns.index("rotation error")
    assert rows[0][error] == result.samples[0].error.rotation_deg and rows[3][error] is None


def test_a_photo_that_is_gone_or_damaged_loses_no_figure(result: PoseResult) -> None:
    shown = [s.sample for _, s in extreme_samples(result)]
    shown[0].image_paths[0].unlink()
    shown[1].image_paths[0].write_bytes(b"damaged")
    figure = extremes_figure(result, "t")
    assert figure is not None
    grey, _, photo = np.split(figure.axes[0].images[0].get_array(), [110, 114], axis=1)
    assert (grey == 200).all() and photo.std() > 10


def test_extremes_show_each_sample_once(result: PoseResult, tmp_path: Path) -> None:
    chosen = extreme_samples(result)
    numbers = [s.sample.idx for _, s in chosen]
    assert len(numbers) == len(set(numbers)) == 6
    best, worst = chosen[0][1].error.rotation_deg, chosen[3][1].error.rotation_deg
    errors = [s.error.rotation_deg for s in result.samples if s.error.rotation_deg is not None]
    assert (best, worst) == (min(errors), max(errors))
    figure = extremes_figure(result, "t")
    assert figure is not None
    assert save_figure(figure, tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.glob("x.*")] == ["x.png"]


def test_for_print_there_are_a_pdf_and_an_svg_beside_with_errors_on_a_logarithmic_axis(
    result: PoseResult, tmp_path: Path
) -> None:
    figure = error_cdf(result, "")
    assert figure is not None
    every, near = figure.axes
    assert every.get_xscale() == "log" and every.get_xlim() == (0.1, 180) and near.get_xlim() == (0, 30)
    save_figure(figure, tmp_path / "x.png", "paper")
    pdf, svg = (tmp_path / "x.pdf").read_bytes(), (tmp_path / "x.svg").read_text()
    assert pdf.startswith(b"%PDF") and b"/Type3" not in pdf and b"CreationDate" not in pdf
    assert "<svg" in svg and "share of samples</text>" in svg and "<dc:date>" not in svg


def test_the_axis_of_errors_goes_down_to_where_they_are() -> None:
    errors = [PoseError(0.004), PoseError(12.25)]
    summary = summarize(errors, MetricsConfig(bootstrap=0))
    samples = [SimpleNamespace(error=error) for error in errors]
    figure = error_cdf(SimpleNamespace(samples=samples, summary=summary), "t")  # type: ignore[arg-type]
    assert figure is not None and figure.axes[0].get_xlim()[0] == pytest.approx(0.001)
