"""A sweep is followed through its jobs' folders; what was there before is not taken for its own."""

import io
import os
import time
from pathlib import Path

from rich.console import Console

from hw4.core.durable import write_json, write_text
from hw4.launch.board import SweepBoard, repeated_warnings
from hw4.launch.flags import check, without_verbose
from hw4.records.progress import JobProgress, ProgressFile
from hw4.records.runs import load_runs
from tests.support.report_folders import POSE, results_of, write_pose_job


def job(folder: Path, *overrides: str) -> Path:
    write_pose_job(folder, POSE, [1.0, 3.0])
    write_text(folder / ".hydra" / "overrides.yaml", "".join(f"- {word}\n" for word in overrides))
    return folder


def test_each_job_is_said_once_when_it_ends_and_old_results_are_not_news(tmp_path: Path) -> None:
    job(tmp_path / "0", "model=sfm", "splat.lr=1")
    again = job(tmp_path / "1", "model=sfm", "splat.lr=2")
    output = io.StringIO()
    with SweepBoard(tmp_path, ["splat.lr"], 4, Console(file=output, width=100)):
        job(tmp_path / "deep" / "2", "model=sfm", "splat.lr=3")
        time.sleep(0.6)
        assert "[1/4] lr=3: ok, MRE 2.000°" in output.getvalue()
        ProgressFile(again).write(JobProgress("", reused=True))
        running = tmp_path / "3"
        write_text(running / ".hydra" / "overrides.yaml", "- splat.lr=4\n")
    lines = output.getvalue().splitlines()
    assert lines == ["[1/4] lr=3: ok, MRE 2.000°, 0.0 s", "[2/4] lr=2: finished before, MRE 2.000°"]


def test_a_job_of_the_same_sweep_that_runs_again_is_news(tmp_path: Path) -> None:
    folder = job(tmp_path / "0", "splat.lr=1")
    output = io.StringIO()
    with SweepBoard(tmp_path, ["splat.lr"], 1, Console(file=output, width=100)):
        write_json(folder / "results.json", {**results_of(folder), "status": "failed", "error": "no"})
        later = time.time() + 5
        os.utime(folder / "results.json", (later, later))
    assert output.getvalue().startswith("[1/1] lr=1: failed: no")


def test_a_terminal_gets_a_table_that_goes(tmp_path: Path) -> None:
    output = io.StringIO()
    console = Console(file=output, width=100, height=30, force_terminal=True)
    with SweepBoard(tmp_path, ["splat.lr"], 2, console):
        job(tmp_path / "0", "splat.lr=1")
    assert "1 of 2 jobs have ended" in output.getvalue() and "[1/2]" not in output.getvalue()


def test_what_several_jobs_warn_of_is_said_once(tmp_path: Path) -> None:
    for number in range(3):
        folder = job(tmp_path / str(number), f"splat.lr={number}")
        texts = ["weights are random"] + ["its own"] * (number == 1)
        write_json(folder / "results.json", {**results_of(folder), "warnings": texts})
    runs = load_runs(tmp_path).runs
    assert repeated_warnings(runs) == ["weights are random (all 3)", "its own (lr=1)"]


def test_verbose_is_ours_alone() -> None:
    check(["-m", "-v"])
    assert without_verbose(["-m", "-v"]) == (["-m"], True)
    assert without_verbose(["-m"]) == (["-m"], False)
