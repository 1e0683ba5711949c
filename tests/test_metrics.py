"""The table of metrics: a row and its function are all that a metric needs, in whatever shows metrics."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hw4 import metrics
from hw4.config import Config, EvalConfig, InitConfig, SampleConfig, SplatConfig, WandbConfig
from hw4.config.root import CacheConfig, ReportConfig
from hw4.core.errors import ConfigError, UserError
from hw4.core.scale import DEGREES, SHARE
from hw4.jobs.comparison import write_comparison
from hw4.jobs.run import run_job
from hw4.launch.list_runs import list_runs
from hw4.launch.objective import objective_value
from hw4.models.sfm.config import SfmConfig
from hw4.report.document import write_report
from hw4.tracking import workspace
from tests.support.report_folders import read_table, results_of


def ninety(errors_deg: np.ndarray) -> np.ndarray:
    return np.quantile(errors_deg, 0.9, axis=-1)


def mean_difference(view: Any) -> float:
    return float((view.render - view.target).abs().mean())


TOYS = {
    "ninety": metrics.PoseMetric(
        name="R90",
        statistic=ninety,
        errors=metrics.ROTATION,
        scale=DEGREES,
        better=metrics.LOWER,
        is_listed=True,
    ),
    "l1": metrics.SplatMetric(
        name="l1",
        symbol="L1",
        score="tests.test_metrics:mean_difference",
        scale=SHARE,
        better=metrics.LOWER,
        is_listed=True,
    ),
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two jobs that differ in a learning rate, with a pose and a splat metric of another package."""
    root = tmp_path_factory.mktemp("metrics")
    splat = SplatConfig(
        iterations=3,
        video_frames=0,
        init=InitConfig(max_points=200),
        eval=EvalConfig(lpips_download=False),
    )
    config = Config(
        model=SfmConfig(),
        data=SampleConfig(root=str(root / "data"), pairs=3, frames=3, width=64, height=48),
        splat=splat,
        wandb=WandbConfig("disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(root / "cache")),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hw4.core.plugins.plugins", lambda group: TOYS if group == metrics.GROUP else {})
        for job, lr in (("0", 1e-4), ("1", 2e-4)):
            run_job(replace(config, splat=replace(splat, lr=lr)), root / "sweep" / job, Console(quiet=True))
        yield root / "sweep"


def test_a_new_metric_is_computed_and_recorded(sweep: Path) -> None:
    results = results_of(sweep / "0")
    errors = [s["rotation_error_deg"] for s in results["pose"]["samples"]]
    solved = [e for e in errors if e is not None]
    assert results["pose"]["metrics"]["R90"]["value"] == pytest.approx(np.quantile(solved, 0.9))
    views = [view["l1"] for view in results["splat"]["views"]]
    assert results["splat"]["l1"] == pytest.approx(np.mean(views)) and results["splat"]["l1"] > 0


def test_a_new_metric_is_shown_everywhere(sweep: Path) -> None:
    results = results_of(sweep / "0")
    rotation = f"{results['pose']['metrics']['R90']['value']:.3f}°"
    difference = f"{results['splat']['l1']:.4f}"
    assert f"| R90 | {rotation} |" in (sweep / "0" / "summary.md").read_text()
    table, _ = write_comparison(sweep)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["R90"][0].startswith(rotation) and rows["L1"][0] == difference
    text = write_report(sweep).markdown.read_text()
    assert read_table(text, "Every pose run")["R90"][0].startswith(rotation)
    assert read_table(text, "Scores on the test views")["L1"][0] == difference
    assert "R90" in text.split(": metrics**")[1], "in the comparison of the two runs"
    listed = list_runs([str(sweep), "--where", "L1>0", "--sort", "R90"])
    first = dict(zip(listed.columns, listed.rows[0], strict=True))
    assert (first["R90"], first["L1"]) == (rotation, difference)
    assert "pose/r90" in workspace.pose_keys(metrics.LOWER) and "splat/l1" in workspace.splat_keys()


def test_a_new_metric_can_be_searched_for(sweep: Path) -> None:
    results = results_of(sweep / "0")
    Config(model=SfmConfig(), objective="neg_l1")
    assert objective_value("neg_l1", sweep / "0") == -results["splat"]["l1"]
    assert objective_value("neg_r90", sweep / "0") == -results["pose"]["metrics"]["R90"]["value"]


def test_objectives_are_larger_where_better(sweep: Path) -> None:
    results = results_of(sweep / "0")
    assert objective_value("psnr", sweep / "0") == results["splat"]["psnr"]
    assert objective_value("neg_mre", sweep / "0") == -results["pose"]["metrics"]["MRE"]["value"]
    assert objective_value("auc@30", sweep / "0") == results["pose"]["metrics"]["AUC@30"]["value"]
    assert objective_value("neg_lpips", sweep / "0") is None, "its weights are not here"
    assert objective_value(None, sweep / "0") is None
    with pytest.raises(ConfigError, match="objective='mre' is not a choice"):
        Config(model=SfmConfig(), objective="mre")


def test_a_run_of_a_metric_that_is_gone_is_still_shown(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(json.dumps(results_of(sweep / "0")))
    monkeypatch.setattr("hw4.core.plugins.plugins", lambda _: {})
    value = results_of(sweep / "0")["pose"]["metrics"]["R90"]["value"]
    text = write_report(tmp_path / "run").markdown.read_text()
    assert read_table(text, "Every pose run")["R90"][0].startswith(f"{value:.4f}")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (TOYS["l1"].name, "is a str: it must be a hw4.core.metric.PoseMetric or hw4.core.metric.Views"),
        (replace(TOYS["l1"], name="psnr"), "has the name of another metric, psnr"),
    ],
)
def test_what_is_no_row_is_refused(row: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw4.core.plugins.plugins", lambda _: {"toy": row})
    with pytest.raises(UserError, match=words):
        metrics.table()


def test_values_are_written_with_their_units() -> None:
    rows = metrics.table()
    assert [rows[name].scale.text(0.25) for name in ("MRE", "Acc@5", "AUC@30", "psnr")] == [
        *("0.250°", "25.0 %", "0.2500", "0.25"),
    ]
    assert [rows[name].scale.change(-0.25) for name in ("MRE", "Acc@5", "AUC@30")] == [
        *("−0.250°", "−25.0 pp", "−0.2500"),
    ]
    assert rows["psnr"].title == "PSNR (dB)" and rows["psnr"].said(20.126) == "PSNR 20.13 dB"
    assert rows["psnr"].said(None) == "PSNR — dB" and rows["MRE"].title == "MRE"
