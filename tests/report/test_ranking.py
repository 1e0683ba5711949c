"""Which setting is best, and how often it stays that when the samples are drawn anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw4.config import Config, SplatConfig
from hw4.models.sfm.config import SfmConfig
from hw4.records.run import Run
from hw4.records.runs import load_runs
from hw4.report.document import write_report
from hw4.report.ranking import pose_scores, rank, splat_scores
from tests.support.report_folders import (
    METRICS,
    POSE,
    pair_and_interpolated,
    read_table,
    write_pose_job,
    write_splat_job,
)


def ranked(root: Path, *errors: list[float | None]) -> list[tuple[str, list[Run]]]:
    for number, own in enumerate(errors):
        config = replace(POSE, model=SfmConfig(max_features=100 * (1 + number)))
        write_pose_job(root / str(number), config, own)
    return [(run.label, [run]) for run in load_runs(root).runs]


def test_failures_count_and_the_share_is_that_of_a_simulation(tmp_path: Path) -> None:
    """A run that solves the easy half alone has the lowest mean of valid errors, and is not the best."""
    first: list[float | None] = [10.0, 12.0, 9.0, 14.0, 11.0, 13.0, 40.0, 8.0]
    second: list[float | None] = [11.0, 11.0, 12.0, 12.0, 13.0, 12.0, 12.0, 12.0]
    failing: list[float | None] = [1.0, 1.0, 1.0, 1.0, None, None, None, None]
    found = rank(pose_scores(ranked(tmp_path, first, second, failing)))
    assert found is not None and found.worst == 180
    assert [entry.mean for entry in found.entries] == pytest.approx(
        [np.mean(first), np.mean(second), (4 + 4 * 180) / 8]
    )
    assert found.order == [1, 0, 2] and found.entries[2].n_failed == 4
    rng = np.random.default_rng(5)
    draws = rng.integers(0, 8, (20_000, 8))
    a, b = (np.array(errors, dtype=float)[draws].mean(axis=1) for errors in (first, second))
    assert found.entries[1].share == pytest.approx(np.mean(b < a), abs=0.03)
    assert sum(entry.share or 0 for entry in found.entries) == pytest.approx(1)


def test_the_report_says_and_marks_the_best(tmp_path: Path) -> None:
    ranked(tmp_path, [10.0, 20, 30, 40, 50, 60], [1.0, 2, 3, 4, 5, 6])
    text = write_report(tmp_path).markdown.read_text()
    assert (
        "**Lowest mean rotation error: max_features=200, 3.500°.** Next: max_features=100, 35.000°." in text
    )
    assert "Drawn anew from these samples, it stays best in 100 % of draws." in text
    table = read_table(text, "Settings")
    assert table["200"][2].startswith("★ 3.500°") and not table["100"][2].startswith("★")
    assert text.index("Lowest mean") < text.index("errors_by_setting.svg") < text.index("**Settings**")


def test_equal_settings_are_called_equal(tmp_path: Path) -> None:
    ranked(tmp_path, [1.0] * 6, [1.0] * 6, [3.0] * 6)
    text = write_report(tmp_path).markdown.read_text()
    assert "1.000°, 2 alike.** Equal over 6 samples: max_features=100 or 200." in text


def test_of_many_settings_equal_ones_share_a_strip_and_reasons_are_counted(tmp_path: Path) -> None:
    ranked(tmp_path, *([float(n // 2), 1.0 + n // 2, None] for n in range(30)))
    written = write_report(tmp_path)
    text, svg = written.markdown.read_text(), (written.data / "errors_by_setting.svg").read_text()
    assert svg.count('class="mean"') == 10 and "max_features=100 or 200" in svg
    assert "The best 20 of 30 are drawn, equal ones as one." in text
    table = read_table(text, "Samples without a result, by reason")
    assert table["too few matches"][:2] == ["30", "30 of 30"]


def test_other_rules_partial_runs_and_bounds_are_not_ranked(tmp_path: Path) -> None:
    pair, other = pair_and_interpolated(metrics=replace(METRICS, protocol="homework"))
    write_pose_job(tmp_path / "a" / "0", pair, [1.0, 2.0])
    write_pose_job(tmp_path / "a" / "1", other, [1.0, 2.0])
    assert rank(pose_scores([(run.label, [run]) for run in load_runs(tmp_path / "a").runs])) is None
    assert "are not ranked" in write_report(tmp_path / "a").markdown.read_text()
    oracle = replace(other, metrics=METRICS, input=replace(other.input, selection="oracle"))
    write_pose_job(tmp_path / "b" / "0", pair, [5.0, 6.0])
    write_pose_job(tmp_path / "b" / "1", oracle, [1.0, 2.0])
    found = rank(pose_scores([(run.label, [run]) for run in load_runs(tmp_path / "b").runs]))
    assert found is not None and found.order == [0] and found.entries[1].share is None


def test_replicates_are_one_setting(tmp_path: Path) -> None:
    found = ranked(tmp_path, [1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [2.5, 3.5, 4.5])
    runs = [run for _, (run,) in found]
    both = rank(pose_scores([("twice", runs[:2]), ("once", runs[2:])]))
    assert both is not None and both.order == [0, 1]
    assert [entry.mean for entry in both.entries] == pytest.approx([3.0, 3.5])


def test_few_views_say_no_certainty(tmp_path: Path) -> None:
    for number, psnr in enumerate((20.0, 22.0)):
        config = Config(task="splat", splat=SplatConfig(lr=1e-3 * (1 + number)))
        write_splat_job(tmp_path / str(number), config, psnr)
    found = rank(splat_scores([(run.label, [run]) for run in load_runs(tmp_path).runs]))
    assert found is not None and found.best == 1 and found.entries[1].share is None
    text = write_report(tmp_path).markdown.read_text()
    assert "**Highest PSNR: lr=0.002, 22.00 dB.** Next: lr=0.001, 20.00 dB. Over 2 test views." in text
    assert "too few to say how sure" in text
