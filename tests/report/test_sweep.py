"""What swept keys do: each value against the first, over settings that differ in it alone; maps and lines."""

import csv
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw4.config import Config, ReportConfig, SplatConfig
from hw4.models.sfm.config import SfmConfig
from hw4.records.runs import load_runs
from hw4.report.document import write_report
from hw4.report.effects import effects
from hw4.report.findings import find
from hw4.report.sweep import grid_of
from tests.support.report_folders import POSE, read_table, write_pose_job, write_splat_job

RATES = (1e-3, 2e-3)
CAMERAS = (1e-4, 1e-3, 1e-2)


@pytest.fixture
def splats(tmp_path: Path) -> Path:
    """2 x 3 settings with two seeds each; PSNR rises with the rate, falls with the cameras' rate."""
    number = 0
    for i, lr in enumerate(RATES):
        for j, camera_lr in enumerate(CAMERAS):
            for seed in (0, 1):
                config = Config(task="splat", splat=SplatConfig(lr=lr, camera_lr=camera_lr, seed=seed))
                write_splat_job(tmp_path / str(number), config, 20 + 2 * i - j + 0.5 * seed)
                number += 1
    return tmp_path


def test_an_effect_is_the_mean_over_all_pairs_that_differ_in_the_key_alone(splats: Path) -> None:
    findings = find(load_runs(splats), ReportConfig())
    scores = findings.splat_scores
    assert scores is not None
    grid = grid_of(scores, "splat", findings.is_seed)
    assert list(grid.keys) == ["splat.lr", "splat.camera_lr"]
    found = {(e.key, e.b): e for e in effects(scores, grid.keys, grid.values, 0.05)}
    assert found["splat.lr", "0.002"].change.delta == pytest.approx(2)
    assert found["splat.lr", "0.002"].n_pairs == 3 and found["splat.lr", "0.002"].n == 2
    assert found["splat.camera_lr", "0.01"].change.delta == pytest.approx(-2)
    assert found["splat.camera_lr", "0.001"].n_pairs == 2
    # Two views can give no p below 0.5, whatever they say.
    assert {e.verdict for e in found.values()} == {"not shown"}


def test_the_report_has_a_row_a_setting_a_map_and_lines_with_the_spread_of_the_seeds(splats: Path) -> None:
    written = write_report(splats)
    text = written.markdown.read_text()
    table = read_table(text, "Settings")
    assert len(table) - 1 == len({row for row in table if row}) and "seed" not in table[""]
    assert "Is lr 0.002 better than 0.001?** Not shown. PSNR changes by +2.00 dB" in text
    assert "over 2 test views, each the mean over 3 values of camera_lr and 2 seeds" in text
    rows = list(csv.DictReader((written.data / "splat_map.csv").read_text().splitlines()))
    assert len(rows) == 6
    cells = {(row["splat.lr"], row["splat.camera_lr"]): float(row["PSNR (dB)"]) for row in rows}
    assert cells["0.002", "0.0001"] == pytest.approx(22.25) and cells["0.001", "0.01"] == pytest.approx(18.25)
    drawn = ET.parse(written.data / "splat_map.svg").getroot()
    assert len(drawn.findall(".//{*}rect[@class='cell']")) == 6
    assert len(drawn.findall(".//{*}rect[@class='chosen']")) == 1
    line = ET.parse(written.data / "splat_by_splat_camera_lr.svg").getroot()
    assert len(line.findall(".//{*}polyline")) == 2 and len(line.findall(".//{*}line[@class='bar']")) == 6


def test_a_key_of_names_is_strips_and_a_shown_effect_says_yes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(10, 60, 24)
    number = 0
    for features in (100, 200):
        for intrinsics in ("data", "guess"):
            config = replace(POSE, model=SfmConfig(max_features=features, intrinsics=intrinsics))
            shift = 5.0 * (features == 200) - 3.0 * (intrinsics == "guess")
            write_pose_job(tmp_path / str(number), config, (base - shift).tolist())
            number += 1
    written = write_report(tmp_path)
    text = written.markdown.read_text()
    assert "Is max_features 200 better than 100?** Yes. Mean rotation error changes by −5.000°" in text
    assert "Is intrinsics guess better than data?** No, it is worse." in text
    assert (written.data / "pose_by_model_intrinsics.svg").is_file()
    assert (written.data / "pose_map.svg").is_file()


@pytest.mark.slow
def test_fifty_settings_fit_and_the_details_are_there_on_request(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    base = rng.uniform(1, 60, 8)
    for i in range(10):
        for j in range(5):
            config = replace(POSE, model=SfmConfig(max_features=100 + 10 * i, max_error=1.0 + j))
            write_pose_job(tmp_path / str(5 * i + j), config, (base + 50 - 2 * i + j).tolist())
    written = write_report(tmp_path)
    page = written.html.read_text()
    assert page.count("<summary><h2>") == 7
    assert "The best 21 of 50 are drawn, equal ones as one." in page
    rows = list(csv.DictReader((written.data / "pose_map.csv").read_text().splitlines()))
    assert len(rows) == 50 and "WARNING: more than one factor" not in page
