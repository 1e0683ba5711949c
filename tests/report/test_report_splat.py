"""Splat results in a report: equal ones once, and under the names that the pose parts use."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hw4.config import Config, ReportConfig, SplatConfig
from hw4.report.document import write_report
from tests.support.report_folders import (
    pair_and_interpolated,
    pose_results,
    read_table,
    results_of,
    sample,
    write_job,
    write_splat_job,
)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two inputs and two learning rates; splatting does not read the input, so two of four are cached."""
    number = 0
    for lr, psnr in ((1e-3, 20.0), (2e-3, 21.0)):
        for config in pair_and_interpolated():
            config = replace(config, task="all", splat=SplatConfig(lr=lr))
            write_splat_job(tmp_path / "made" / str(number), config, psnr)
            splat = results_of(tmp_path / "made" / str(number))["splat"]
            splat |= {"reused": config.input.name != "pair"}
            pose = pose_results([sample(i, 5.0 + i) for i in range(4)], config)
            job = write_job(tmp_path / "sweep" / str(number), config, pose=pose, splat=splat)
            (tmp_path / "made" / str(number) / "splat").rename(job / "splat")
            number += 1
    return tmp_path / "sweep"


def test_equal_results_are_one(sweep: Path) -> None:
    written = write_report(sweep)
    text = written.markdown.read_text()
    # Splatting reads the learning rate alone of what differs.
    first, second = "lr=0.001", "lr=0.002"
    scores = read_table(text, "Scores on the test views")
    assert scores[""] == ["run", first, second]
    assert scores["PSNR (dB)"] == ["20.00", "21.00"] and scores["training (s)"] == ["1.0", "1.0"]
    same = "sfm, interpolated, lr=0.001: the same result as sfm, pair, lr=0.001, taken from the cache"
    assert f"- {same}\n" in text
    changes = read_table(text, f"Change against {first}, on the same test views")
    assert list(changes) == ["", second] and changes[second][0] == "+1.00"
    assert len(list(written.data.glob("splat_same_view_render_*.png"))) == 2
    loss = list(csv.DictReader((written.data / "splat_loss.csv").read_text().splitlines()))
    assert [row["run"] for row in loss] == [first] * 3 + [second] * 3
    assert (written.data / "splat_loss.svg").read_text().count("<polyline") == 2


def test_results_that_differ_in_one_view_stay_two(sweep: Path) -> None:
    results = results_of(sweep / "1")
    results["splat"]["views"][0]["psnr"] += 0.01
    (sweep / "1" / "results.json").write_text(json.dumps(results))
    scores = read_table(write_report(sweep).markdown.read_text(), "Scores on the test views")
    assert scores[""][1:3] == ["sfm, pair, lr=0.001", "sfm, interpolated, lr=0.001"]


def test_the_same_computed_twice_is_said_to_be_that(tmp_path: Path) -> None:
    for number in range(2):
        write_splat_job(tmp_path / str(number), Config(task="splat"), 20.0)
    text = write_report(tmp_path).markdown.read_text()
    assert "- job 1: the same result as job 0, computed again\n" in text


def test_labels_with_a_colon_keep_their_notes(tmp_path: Path) -> None:
    _, config = pair_and_interpolated()
    config = replace(config, task="all", input=replace(config.input, selection="oracle"))
    splat = results_of(write_splat_job(tmp_path / "made", config, 20.0))["splat"]
    pose = pose_results([sample(0, 5.0)], config)
    write_job(tmp_path / "sweep" / "0", config, pose=pose, splat=splat)
    text = write_report(tmp_path / "sweep").markdown.read_text()
    label = "sfm, interpolated (oracle: picked with the ground truth)"
    assert f"- {label}: lpips is missing: no VGG weights here\n" in text


def test_the_view_that_is_shown_can_be_chosen_and_is_else_the_first_by_name(sweep: Path) -> None:
    """Also where the runs list their views in another order."""
    for results in sweep.glob("*/results.json"):
        content = json.loads(results.read_text())
        splat = content["splat"]
        for one in (splat["views"], splat["files"]["renders"], splat["files"]["strips"]):
            one.reverse()
        results.write_text(json.dumps(content))

    def shown(view: str | None) -> tuple[set[str], str]:
        written = write_report(sweep, ReportConfig(view=view))
        rows = csv.DictReader((written.data / "splat_same_view.csv").read_text().splitlines())
        return {row["view"] for row in rows}, written.markdown.read_text()

    assert shown(None)[0] == {"a.png"}
    for view in ("b", "b.png"):
        names, text = shown(view)
        assert names == {"b.png"} and "report.view=" not in text
    names, text = shown("129896000")
    assert names == {"a.png"}
    assert "report.view=129896000 is no test view that all settings share, so a.png is shown" in text
