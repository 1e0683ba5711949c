"""Told to end, a program says one sentence and takes its workers along; a killed worker fails its job."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.paths import ROOT
from tests.support.sweeps import start, wait_for

JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "report.auto=false", "data.pairs=6"]


def ended(code: str, number: int, told: str = "ready") -> tuple[int, str]:
    """Status and standard error of a program that gets a signal when it has printed a word."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None and process.stdout.readline() == f"{told}\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    return process.returncode, error


IMPORTING = """
import builtins, sys, time
plain = builtins.__import__
def slow(name, *others):
    if name == "hw4.launch.cli":
        print("ready", flush=True)
        time.sleep(30)
    return plain(name, *others)
from hw4.__main__ import main
builtins.__import__ = slow
main()
"""
RUNNING = """
import time
from hw4.__main__ import main
from hw4.launch import cli
import hw4.data.scenes.tracks
def work(arguments):
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        print("put away", file=cli.sys.stderr)
cli._run = work
main()
"""
# Python has put its handlers away by the time that modules are cleared.
LEAVING = """
import os, sys
from hw4.__main__ import main
from hw4.launch import cli
class Last:
    def __del__(self, kill=os.kill, me=os.getpid(), number=int(sys.argv[1])):
        kill(me, number)
last = Last()
cli._run = lambda arguments: 0
main()
"""
# What it puts away waits for a lock that nobody gives back.
HELD_UP = """
import threading, time
from hw4.__main__ import main
from hw4.launch import cli, signals
signals.GRACE_S = 0.5
def work(arguments):
    lock = threading.Lock()
    lock.acquire()
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        lock.acquire()
cli._run = work
main()
"""


@pytest.mark.parametrize(("number", "words"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by")])
@pytest.mark.parametrize("code", [IMPORTING, RUNNING])
def test_a_signal_is_one_sentence(code: str, number: int, words: str) -> None:
    status, error = ended(code, number)
    assert status == 128 + number
    said = [line for line in error.splitlines() if line]
    assert said[:-1] == (["put away"] if code is RUNNING else []), "and no stack of Python's or C++'s"
    assert words in said[-1] and "run the same command again" in said[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_held_up_ends_all_the_same(number: int) -> None:
    status, error = ended(HELD_UP, number)
    assert status == 128 + number and "run the same command again" in error and "Traceback" not in error


def workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    commands = {one: " ".join(one.cmdline()) for one in psutil.Process(process.pid).children(recursive=True)}
    return [one for one, command in commands.items() if "loky" in command and "tracker" not in command]


def working(folder: Path) -> Callable[[], bool]:
    return lambda: len(list(folder.glob("sweep/*/samples.jsonl"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_sweep(number: int, tmp_path: Path) -> None:
    process = start([*JOBLIB, "model.min_inliers=14,15"], tmp_path)
    wait_for(process, tmp_path, working(tmp_path))
    left = workers(process)
    process.send_signal(number)
    status = process.wait(60)
    assert len(left) == 2 and psutil.wait_procs(left, 10)[1] == []
    text = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in text and "***" not in text
    assert (status, text.count("ended by SIGTERM")) == ((143, 1) if number == signal.SIGTERM else (-9, 0))


@pytest.mark.slow
def test_a_killed_worker_is_the_failure_of_its_job(tmp_path: Path) -> None:
    process = start([*JOBLIB, "model.min_inliers=14,15,16"], tmp_path)
    wait_for(process, tmp_path, working(tmp_path))
    os.kill(workers(process)[0].pid, signal.SIGKILL)
    assert process.wait(240) == 1
    text = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in text and "internal error" not in text
    jobs = json.loads((tmp_path / "sweep" / "comparison.json").read_text())["jobs"]
    states = sorted((job["results"]["status"], "SIGKILL" in job["results"].get("error", "")) for job in jobs)
    assert states == [("failed", True), ("ok", False), ("ok", False)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_all_is_written_changes_nothing(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, str(int(number))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
