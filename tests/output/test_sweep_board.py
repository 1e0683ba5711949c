"""What is shown of a running sweep: jobs by their values, progress, what came of them, and the time left."""

from pathlib import Path

import pytest
from rich.console import Console

from hw4.output.job_console import JOB_LOG, JobConsole
from hw4.output.progress import StepProgress
from hw4.output.sweep_board import JobLine, board, ended_line
from hw4.records.progress import JobProgress, ProgressFile, read_progress
from hw4.records.run import Run, load_run
from tests.support.report_folders import POSE, write_pose_job


def shown(jobs: list[JobLine], total: int | None, seconds: float, height: int = 40) -> str:
    console = Console(width=120, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(board(jobs, total, seconds, height))
    return captured.get()


@pytest.fixture
def ended(tmp_path: Path) -> Run:
    return load_run(write_pose_job(tmp_path / "0", POSE, [1.0, 3.0]), "0")


def test_a_job_that_ended_is_one_line(ended: Run) -> None:
    job = JobLine("0", {"lr": "0.1"}, None, ended, 75.0)
    assert ended_line(job, 3, 12) == "[3/12] lr=0.1: ok, MRE 2.000°, 1 min 15 s"
    failed = Run("1", Path("1"), "failed", "the disk is full", {}, {})
    assert (
        ended_line(JobLine("1", {}, None, failed, 0.5), 4, None) == "[4] 1: failed: the disk is full, 0.5 s"
    )
    again = JobLine("0", {}, JobProgress("", reused=True), ended, 75.0)
    assert ended_line(again, 1, 1) == "[1/1] 0: finished before, MRE 2.000°"


def test_the_table_has_running_jobs_first_and_says_when_it_will_end(ended: Run) -> None:
    running = JobLine("1", {"lr": "[b]0.2"}, JobProgress("splat", 30, 120, "PSNR 20.1", 10.0), None, 11.0)
    text = shown([JobLine("0", {"lr": "0.1"}, None, ended, 20.0), running], 4, 40.0)
    assert text.index("[b]0.2") < text.index("0.1 ")
    assert "splat 30/120" in text and "PSNR 20.1" in text and "30 s" in text
    assert "1 of 4 jobs have ended, 1 running, 2 queued; 40 s, about 2 min 0 s left" in text


def test_more_jobs_than_lines_are_counted(ended: Run) -> None:
    text = shown([JobLine(str(i), {}, None, ended, 1.0) for i in range(50)], 50, 50.0, height=20)
    assert "37 more not shown" in text and len(text.splitlines()) <= 20


def test_a_jobs_words_and_progress_are_in_its_folder(tmp_path: Path) -> None:
    console = JobConsole(tmp_path)
    with StepProgress(console, 10, "splat") as progress:
        progress(10, 10, "PSNR 20 [b]")
    console.close()
    found = read_progress(tmp_path)
    assert found is not None and (found.title, found.done, found.total) == ("splat", 10, 10)
    assert "splat [10/10] PSNR 20 [b]" in (tmp_path / JOB_LOG).read_text()


def test_a_long_part_of_a_step_is_told_in_lines(tmp_path: Path) -> None:
    console = JobConsole(tmp_path)
    with StepProgress(console, 10, "dust3r pair") as progress:
        progress(3, 10, "")
        # The first is not finished.
        for steps in (range(1, 25), range(1, 41)):
            for done in steps:
                progress.part(done, 40, "pairs of views")
        assert not progress._progress.tasks[1:], "a bar that is full goes"
    console.close()
    lines = [line for line in (tmp_path / JOB_LOG).read_text().splitlines() if "pairs of views" in line]
    expected = [4 * tenth for tenth in (*range(1, 7), *range(1, 11))]
    assert lines == [f"dust3r pair: {done} of 40 pairs of views" for done in expected]


def test_progress_is_not_written_at_every_step_and_damage_is_none(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path)
    for step in range(100):
        file.write(JobProgress("a", step, 100, "", 1.0))
    found = read_progress(tmp_path)
    assert found is not None and found.done == 0 and found.left_s is None
    file.write(JobProgress("a", 100, 100))
    assert (read_progress(tmp_path) or found).done == 100
    (tmp_path / "progress.json").write_text('{"what": 1}')
    assert read_progress(tmp_path) is None
