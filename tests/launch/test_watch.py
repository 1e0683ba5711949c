"""A sweep from outside: what is done, failed, running, stopped and queued, and how long it takes."""

import io
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console

from hw4.core.cache import using
from hw4.core.durable import exclusive, write_json
from hw4.core.errors import UserError
from hw4.launch.submitted import Going, Submitted, write_submitted
from hw4.launch.watch import Standing, newest_sweep, standing, watch


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "2026-01-01" / "12-00-00"
    write_json(folder / "sweep.json", {"n_jobs": 6})
    for name, results in {
        "0": {"status": "ok", "seconds": 100.0},
        "1": {"status": "failed"},
        "2": {"status": "incomplete", "seconds": 200.0},
        "3": None,
        "4": None,
    }.items():
        (folder / name / ".hydra").mkdir(parents=True)
        if results is not None:
            write_json(folder / name / "results.json", results)
    return folder


def test_counts_and_the_time_that_is_left(sweep: Path) -> None:
    with exclusive(sweep / "3"), using(sweep):
        now = standing(sweep, Going())
    # Job 4 has begun and imports, or its turn comes again: of a sweep at work nothing is stopped.
    assert now == Standing(6, done=2, failed=1, running=1, stopped=0, waiting=1, launched=True, seconds=150.0)
    assert now.queued == 2 and not now.is_over
    assert now.words() == "2 of 6 done, 1 failed, 1 running, 2 queued; about 8 min left"


def test_a_sweep_whose_process_is_gone_is_over(sweep: Path) -> None:
    now = standing(sweep, Going())
    assert now.is_over and now.words() == "2 of 6 done, 1 failed, 0 running, 1 never begun, 2 stopped"


def test_a_job_that_waits_for_the_cluster_again_is_queued(sweep: Path) -> None:
    class Queue(Going):
        def has(self, job: Submitted) -> bool:
            return job.id in ("7_1", "7_4")

    ids = {"1": "7_1", "2": "7_2", "4": "7_4"}
    write_submitted(sweep, {name: Submitted("slurm", id, "login", "/s/%j", []) for name, id in ids.items()})
    now = standing(sweep, Queue())
    assert now.words() == "2 of 6 done, 0 failed, 0 running, 3 queued, 1 stopped" and not now.is_over


def test_it_ends_with_the_sweep(sweep: Path) -> None:
    console, naps = Console(record=True, width=200, file=io.StringIO()), list[float]()
    launcher = ExitStack()
    launcher.enter_context(using(sweep))

    def nap(seconds: float) -> None:
        naps.append(seconds)
        for name in ("3", "4", "5"):
            write_json(sweep / name / "results.json", {"status": "ok", "seconds": 1.0})
        launcher.close()

    watch(sweep, console, 7.0, nap)
    lines = console.export_text().splitlines()
    assert naps == [7.0] and lines[-1].endswith("5 of 6 done, 1 failed, 0 running, 0 queued")
    assert newest_sweep(sweep.parents[1]) == sweep


def test_what_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the folder of a sweep"):
        watch(tmp_path, Console(quiet=True), 1.0)
    with pytest.raises(UserError, match="no sweep lies in"):
        newest_sweep(tmp_path)
