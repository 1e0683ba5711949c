"""The report's Q3: what changed between its two columns, computed, and what that does not show."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from hw4.config import InputConfig
from hw4.core.durable import write_json
from hw4.jobs.comparison import write_comparison
from hw4.pose.results import SampleResult
from hw4.pose.scoring import summarize_beside
from hw4.report.changes import change_words
from hw4.report.document import write_report
from tests.support.report_folders import METRICS, POSE, pose_results, sample, write_job

N = 40
# Errors in whole degrees that give the counts of the report's two columns; the rest lie above 30°.
PAIRS = [9] * 6 + [10] * 2 + [19, 20]
INTERPOLATED = [3] + [9] * 5 + [8] * 2 + [21] * 9 + [20]
MEANS = {"pair": 86.864, "interpolated": 75.324}
HOMEWORK = replace(METRICS, protocol="homework", bootstrap=50)


def column(small: list[int], mean: float) -> list[float]:
    """40 errors (degrees) with these below 30°, in their middles, and that mean."""
    errors = [k + 0.5 for k in small]
    rest = N - len(errors)
    return errors + [(N * mean - sum(errors)) / rest] * rest


def report_of_both_columns(folder: Path) -> str:
    for number, (name, small) in enumerate((("pair", PAIRS), ("interpolated", INTERPOLATED))):
        config = replace(POSE, input=InputConfig(name), metrics=HOMEWORK)
        records = [sample(idx, error) for idx, error in enumerate(column(small, MEANS[name]))]
        for record in records:
            record["relative_rotation_error_deg"] = record["rotation_error_deg"] / 2
            record["relative_translation_error_deg"] = 3.0
            record["n_views"] = 2 if name == "pair" else 16
            if name == "interpolated" and record["idx"] < 7:
                record["diagnoses"] = {"sequence": "the 14 middle frames only fade"}
        results = pose_results(records, config)
        beside = summarize_beside(list(map(SampleResult.from_row, records)), config.metrics)
        assert beside is not None
        write_job(folder / str(number), config, pose={**results, "relative": asdict(beside)})
    write_json(folder / "sweep.json", {"n_jobs": 2})
    return write_report(folder).markdown.read_text()


def test_the_differences_are_those_of_the_table(tmp_path: Path) -> None:
    text = report_of_both_columns(tmp_path)
    assert "MRE 86.864° → 75.324° (−11.540°)" in text and "8.69" not in text
    for words in (
        "Acc@5 0.0 % → 2.5 % (+2.5 pp)",
        "Acc@30 25.0 % → 45.0 % (+20.0 pp)",
        "AUC@30 0.1558 → 0.2225 (+0.0667)",
        "AUC@15 0.0767 → 0.0933 (+0.0167)",
        "AUC@5 0.0000 → 0.0100 (+0.0100)",
    ):
        assert words in text
    unchanged = text.split("Unchanged: ")[1]
    assert unchanged.startswith("Acc@15 (20.0 %), AUC@3 (0.0000).")
    assert change_words("MRE", 82.886, 33.459) == "MRE 82.886° → 33.459° (−49.427°)"


def test_what_it_does_not_show_is_said(tmp_path: Path) -> None:
    text = report_of_both_columns(tmp_path)
    assert "by relative poses, over all samples of each run: MRE 43.432° → 37.662° (−5.770°)" in text
    assert "The model sees 16 views in the place of 2" in text
    assert "In 7 of 40 samples the frames are diagnosed" in text
    assert "It is about sfm and frames of" in text and "on these 40 pairs" in text


def test_tables_have_the_relative_numbers_beside(tmp_path: Path) -> None:
    text = report_of_both_columns(tmp_path)
    (header,) = [line for line in text.splitlines() if line.startswith("| metric |") and ", relative" in line]
    assert header.count("homework") == header.count("relative") == 2
    assert text.count("R₁ Dᵀ R₁ᵀ") == 2
    table, _ = write_comparison(tmp_path)
    rows = {row[0]: row[1:] for row in table.rows}
    assert [cell.split()[0] for cell in rows["MRE, relative"]] == ["43.432°", "37.662°"]
    assert sum("R₁ Dᵀ R₁ᵀ" in note for note in table.notes) == 2
    assert not any(name.startswith(("RRA", "RTA")) for name in rows)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (86.864, 75.324)])
def test_a_change_is_the_difference(a: float, b: float) -> None:
    words = change_words("MRE", a, b)
    shown = float(words.split("(")[1].rstrip("°)").replace("−", "-"))
    assert shown == pytest.approx(np.round(b - a, 3))
