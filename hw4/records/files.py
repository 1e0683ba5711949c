"""What a run or a sweep leaves under fixed names, and the states it can be in."""

from pathlib import Path
from typing import Any

from hw4.core.durable import parse_json

RESULTS = "results.json"
SAMPLES = "samples.jsonl"
# What `task=predict` leaves instead.
PREDICTED = "predictions.jsonl"
PREDICTIONS = "predictions.npy"
SAMPLES_TABLE = "samples.csv"
SUMMARY, HOMEWORK_SUMMARY = "summary.md", "summary.txt"
ERROR_CDF, EXTREMES = "error_cdf.png", "extremes.png"
REPORT_HTML, REPORT_MARKDOWN = "report.html", "report.md"
CONFIG = "config.yaml"
HYDRA_FOLDER = ".hydra"

# A folder that has one of them is a run's.
MARKS = (RESULTS, SAMPLES, HYDRA_FOLDER)
# What a sweep set out to do, so that a report of an interrupted one can say what never started.
PLAN = "sweep.json"
# Hydra's own record of a sweep.
SWEEP_CONFIG = "multirun.yaml"
COMPARISON = "comparison"
SAME_VIEW = "splat_same_view.png"
# What a sweep leaves in its own folder.
SWEEP_FILES = (
    *(PLAN, SWEEP_CONFIG, *(f"{COMPARISON}.{suffix}" for suffix in ("md", "csv", "json"))),
    *(REPORT_HTML, REPORT_MARKDOWN, SAME_VIEW),
)

# Whole; computed but for what could not be read; ended by an error; no readable results.
OK, INCOMPLETE, FAILED, UNFINISHED = "ok", "incomplete", "failed", "unfinished"


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where the file is not there, not whole or holds something else."""
    try:
        content = parse_json(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
