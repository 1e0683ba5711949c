"""What the machine lacks is one sentence, wherever it is noticed."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hw4.core.errors import UserError
from hw4.core.own_folder import ensure_home
from hw4.launch.system_errors import is_internal, message_of
from hw4.output.tables import Table
from hw4.output.terminal import make_console
from tests.support.cli import hw4
from tests.support.paths import ROOT


def chained(error: Exception) -> Exception:
    """As logging words a file that cannot be opened."""
    try:
        try:
            raise error
        except Exception as cause:
            raise ValueError("Unable to configure handler 'file'") from cause
    except ValueError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/here/x"), "cannot write /here/x: No space left"),
        (chained(OSError(errno.ENOSPC, "No space left on device")), "cannot write: No space left"),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "No space left"),
        (MemoryError(), "too little memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            "too little memory",
        ),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "too little memory"),
        (RuntimeError("can't start new thread"), "too little memory"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), "a name is too long"),
        (RuntimeError("Could not determine home directory."), "write the path whole"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379"), "set RAY_AUTH_MODE=token"),
        (UserError("theirs"), "theirs"),
    ],
)
def test_the_machines_errors_are_worded(error: Exception, words: str) -> None:
    message = message_of(error)
    assert words in message and "\n" not in message and len(message) < 300 and not is_internal(message)


def test_a_job_that_is_not_continued_any_more_is_worded() -> None:
    utils = pytest.importorskip("submitit.core.utils")
    # As submitit's handler of the limit's signal raises it.
    message = message_of(utils.UncompletedJobError("Job not requeued because: timed-out too many times."))
    assert "met its time limit" in message and not is_internal(message) and "\n" not in message


def test_our_own_errors_stay_internal() -> None:
    assert is_internal(message_of(KeyError("x")))


@pytest.mark.slow
def test_errors_that_cause_each_other_are_worded() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert is_internal(message_of(one))


def test_a_full_disk_before_the_job_begins_is_one_sentence(tmp_path: Path) -> None:
    """Hydra writes its own files first."""
    (tmp_path / "out" / ".hydra").mkdir(parents=True)
    (tmp_path / "out" / ".hydra" / "config.yaml").symlink_to("/dev/full")
    done = hw4(tmp_path, "task=pose", "model=sfm", "data.pairs=2", "hydra.run.dir=out")
    assert done.returncode == 1 and "internal error" not in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count("hw4: ") == 1 and "No space left on device" in done.stderr


@pytest.mark.slow
def test_names_of_any_length_are_one_sentence(tmp_path: Path) -> None:
    for option in (f"data.root={'x' * 300}", "data.root=~nobody-of-this-name/x"):
        done = hw4(
            tmp_path, "task=pose", "model=sfm", "data=pairs", option, "hydra.run.dir=out", "wandb=disabled"
        )
        assert done.returncode == 1 and "internal error" not in done.stderr, done.stderr
        assert json.loads((tmp_path / "out" / "results.json").read_text())["status"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "megabytes",
    # OpenBLAS does not fit, which would wait for ever; torch does not.
    [200, 1200],
)
def test_too_little_memory_is_one_sentence(megabytes: int, tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['hw4', *sys.argv[1:]]; from hw4.__main__ import main; main()"
    options = ["task=splat", "splat.iterations=1", "wandb=disabled", "hydra.run.dir=out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2),
        timeout=100,
    )
    assert done.returncode == 1 and "internal error" not in done.stderr, done.stderr
    assert "too little memory" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_user_has_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass
    import pwd

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        # Set first, so that what is set in between is undone after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ensure_home()
    assert Path.home().is_dir() and Path.home().stat().st_mode & 0o077 == 0 and getpass.getuser()


def test_square_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console()
    console.print("Results: /a/[b]/[/i]", soft_wrap=True)
    console.print(Table("t", ["[b]x", "[/i]"], [["[b]", "1"]]).rich())
    printed = capsys.readouterr().out
    assert "/a/[b]/[/i]" in printed and "[b]x" in printed and printed.count("[/i]") == 2
