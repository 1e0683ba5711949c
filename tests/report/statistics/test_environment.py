"""What the report says differs between the machines and programs of two runs."""

from pathlib import Path

from hw4.records.run import Run
from hw4.report.statistics.confounds import environment_differences


def run_with(**provenance: object) -> Run:
    return Run("run", Path("run"), "ok", None, {}, {"provenance": provenance})


def test_only_what_both_models_use_is_compared() -> None:
    first = run_with(python="3.11", upstream={"one": "1.0", "two": "2.0"})
    assert environment_differences(first, run_with(python="3.11", upstream={"two": "2.0"})) == []
    assert environment_differences(first, run_with(python="3.11")) == []
    other = run_with(python="3.11", upstream={"one": "1.0", "two": "/checkouts/two"})
    assert environment_differences(first, other) == ["two: 2.0 → /checkouts/two"]
