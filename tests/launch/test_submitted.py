"""Which submitted jobs still go on: by SLURM's queue, or by the process of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hw4.core.errors import UserError
from hw4.launch.submitted import Going, Submitted, read_submitted, this_host, write_submitted

JOB = Submitted("slurm", "12_3", "login", "/sweep/.submitit/%j", ["model=sfm"])


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SLURM that prints what lies in the file and notes each time it is asked."""
    program = tmp_path / "squeue"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked; cat {tmp_path}/queue\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "queue"


def test_slurm_is_asked_once_for_all_jobs(queue: Path) -> None:
    queue.write_text("12_3\n13\n")
    going = Going()
    assert going.has(JOB) and going.has(replace(JOB, id="13"))
    assert not going.has(replace(JOB, id="12")) and not going.has(replace(JOB, id="12_4"))
    asked = (queue.parent / "asked").read_text().splitlines()
    assert asked == [f"--noheader --array --format=%i --user={os.getuid()}"]


def test_a_slurm_that_does_not_answer_has_not_lost_the_job(queue: Path) -> None:
    going = Going()
    for _ in range(2):
        with pytest.raises(UserError, match="SLURM does not say which jobs wait or run .*No such file"):
            going.has(JOB)
    assert len((queue.parent / "asked").read_text().splitlines()) == 1
    queue.write_text("12_3\n")
    going = Going(every=0)
    assert going.has(JOB)
    queue.write_text("")
    assert not going.has(JOB)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "print(flush=True); input()", JOB.folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        # The system shows a command line a moment after the process is there.
        started.stdout.readline()
        yield started
        started.kill()


def test_a_process_is_the_job_s_where_it_works_in_its_folder(process: subprocess.Popen[bytes]) -> None:
    mine = replace(JOB, cluster="local", id=str(process.pid), host=this_host())
    assert Going().has(mine)
    assert not Going().has(replace(mine, folder="/another/.submitit/%j")), "a number that was given out again"
    assert not Going().has(replace(mine, host="another")), "a number of another machine"
    process.kill()
    process.wait()
    assert not Going().has(mine)


def test_what_was_submitted_is_read_back(tmp_path: Path) -> None:
    assert read_submitted(tmp_path) == {}
    write_submitted(tmp_path, {"deep/0": JOB})
    assert read_submitted(tmp_path) == {"deep/0": JOB}
    (tmp_path / "submitted.json").write_text('{"jobs": {"0": {"id": "1"}}}')
    assert read_submitted(tmp_path) == {}
