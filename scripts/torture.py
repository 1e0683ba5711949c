"""Ill-treats the program and counts how it answers; `make torture` writes the table of docs/reliability.md.

    python scripts/torture.py [--seed 0] [--kills 24] [--write docs/reliability.md]

Each command ends in one of three ways that are allowed: everything that was asked, one sentence, or, after a
kill, the same results once it is run again. Exits with status 1 where one ended otherwise, and names it.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from torture_cases import BAD, HOSTILE, PAIRS, SCENE, Harm

from hw4.config import SampleConfig
from hw4.data.sample import ensure_sample

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- made by make torture -->\n", "<!-- end -->\n"
# Seconds after which a command hangs; on a machine that does other work, HW4_PATIENCE says more.
USUAL = 120.0
PATIENCE = float(os.environ.get("HW4_PATIENCE", USUAL))
ALWAYS = ("wandb=disabled", "report.auto=false", "metrics.bootstrap=20", "cache.root=cache")
# What may differ between two runs of the same command.
OWN = {"seconds", "train_seconds", "n_reused", "reused", "cache_dir", "cloud", "files", "step_seconds"}


@dataclass
class Outcome:
    """How one case ended; `fault` says what was wrong, None: nothing was."""

    kind: str
    name: str
    answered: bool = False
    resumed: bool = False
    fault: str | None = None
    seconds: float = 0.0


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """The command line in a folder of its own."""
    run = () if "-m" in overrides else ("hydra.run.dir=run",)
    command = [sys.executable, "-m", "hw4", *overrides, *ALWAYS, *run]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    environment["PYTHONFAULTHANDLER"] = "1"
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=environment)


def ended(process: subprocess.Popen[str]) -> str | None:
    """What was wrong with the way a command ended, or None: all was done, or one sentence was said."""
    try:
        out, error = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # Says where it is.
        process.send_signal(signal.SIGABRT)
        _, error = process.communicate()
        return f"still running after {PATIENCE:g} s: {error.strip()[-3000:]}"
    text = out + error
    for words in (
        "Traceback (most recent call last)",
        "internal error",
        "Fatal Python error",
        "    @     0x",
    ):
        if words in text:
            return f"{words}: {error.strip()[-300:]}"
    said = [line for line in error.splitlines() if line.startswith("hw4: ") or "; run the same" in line]
    # As a shell shows it: Python may end itself with the SIGINT that it was interrupted by.
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    if status == 0 or (status in (1, 130, 143) and said):
        return None
    return f"status {status} without a sentence: {error.strip()[-300:]}"


def numbers(folder: Path) -> list[Any]:
    """The results of every job in a folder, without what is a run's own."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if key not in OWN}
        return [plain(item) for item in value] if isinstance(value, list) else value

    found = [json.loads(path.read_text()) for path in sorted(folder.rglob("results.json"))]
    return [plain({key: one.get(key) for key in ("status", "pose", "splat")}) for one in found]


def copied(sample: Path, parent: Path) -> Path:
    """A fresh folder with the data in it."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    shutil.copytree(sample, folder / "data")
    return folder


def ill_treated(
    kind: str, name: str, case: tuple[Sequence[str], Harm], sample: Path, parent: Path
) -> Outcome:
    """One command on data that was harmed."""
    folder = copied(sample, parent)
    overrides, harm = case
    harm(folder / "data")
    started = time.monotonic()
    fault = ended(start(folder, *overrides))
    if (folder / "canary").exists():
        fault = "its code was run"
    shutil.rmtree(folder)
    return Outcome(kind, name, fault is None, fault=fault, seconds=time.monotonic() - started)


def killed(
    overrides: Sequence[str], number: int, whole: list[Any], longest: float, sample: Path, parent: Path
) -> Outcome:
    """One command that is ended at a random moment, and run again to its end."""
    rng = random.Random(number)
    folder = copied(sample, parent)
    how = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    moment = rng.uniform(0.3, 1.0) * longest
    outcome = Outcome(f"kill, {overrides[0]}", f"{how.name} after {moment:.2f} s (seed {number})")
    process = start(folder, *overrides)
    started = time.monotonic()
    while time.monotonic() - started < moment and process.poll() is None:
        time.sleep(0.01)
    if process.poll() is None:
        process.send_signal(how)
    fault = ended(process)
    outcome.answered = fault is None or how == signal.SIGKILL
    outcome.fault = None if outcome.answered else fault
    outcome.fault = outcome.fault or ended(start(folder, *overrides))
    outcome.resumed = outcome.fault is None and numbers(folder / "run") == whole
    if outcome.fault is None and not outcome.resumed:
        outcome.fault = "other results than without the kill"
    outcome.seconds = time.monotonic() - started
    shutil.rmtree(folder)
    return outcome


def full_disk(kilobytes: int, whole: list[Any], sample: Path, parent: Path) -> Outcome:
    """One command on a file system that is too small, and again once it has grown."""
    outcome = Outcome("full disk", f"{kilobytes} kB")
    disk = Path(tempfile.mkdtemp(dir=parent))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(disk)], check=True)
    started = time.monotonic()
    try:
        (disk / "data").symlink_to(sample)
        outcome.fault = ended(start(disk, *PAIRS))
        outcome.answered = outcome.fault is None
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        outcome.fault = outcome.fault or ended(start(disk, *PAIRS))
        outcome.resumed = outcome.fault is None and numbers(disk / "run") == whole
        if outcome.fault is None and not outcome.resumed:
            outcome.fault = "other results than with room"
    finally:
        subprocess.run(["umount", str(disk)], check=False)
    outcome.seconds = time.monotonic() - started
    return outcome


def why_no_disk(parent: Path) -> str | None:
    """Why no small file system can be mounted here, or None."""
    probe = Path(tempfile.mkdtemp(dir=parent))
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(probe)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error.strerror)
    if done.returncode:
        return done.stderr.strip()
    subprocess.run(["umount", str(probe)], check=False)
    return None


def reference(overrides: Sequence[str], sample: Path, parent: Path) -> tuple[list[Any], float]:
    """The results of a command that nobody disturbs, and its seconds."""
    folder = copied(sample, parent)
    started = time.monotonic()
    fault = ended(start(folder, *overrides))
    if fault is not None:
        raise SystemExit(f"the undisturbed run failed: {fault}")
    return numbers(folder / "run"), time.monotonic() - started


def all_outcomes(seed: int, kills: int, parent: Path) -> tuple[list[Outcome], str | None]:
    """Every case, two at once; and why there is none of a full disk, or None."""
    config = SampleConfig(root=str(parent / "sample"), pairs=3, frames=4, width=64, height=48)
    sample = ensure_sample(config)
    whole = {overrides: reference(overrides, sample, parent) for overrides in (PAIRS, SCENE)}
    skipped = why_no_disk(parent)
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(ill_treated, kind, name, case, sample, parent)
            for kind, cases in (("bad input", BAD), ("hostile file", HOSTILE))
            for name, case in cases.items()
        ]
        for number in range(seed, seed + kills):
            overrides = SCENE if number % 3 == 0 else PAIRS
            waiting.append(pool.submit(killed, overrides, number, *whole[overrides], sample, parent))
        if skipped is None:
            for kilobytes in (16, 48, 96, 160, 256, 400):
                waiting.append(pool.submit(full_disk, kilobytes, whole[PAIRS][0], sample, parent))
        for done in as_completed(waiting):
            outcome = done.result()
            print(
                f"{outcome.seconds:5.1f} s  {outcome.kind}: {outcome.name}: {outcome.fault or 'good'}",
                flush=True,
            )
        return [future.result() for future in waiting], skipped


def table(outcomes: Sequence[Outcome], skipped: str | None, minutes: float) -> str:
    """The figures as Markdown."""
    rows = ["| | tried | answered | resumed to equal results | longest |", "|---|---|---|---|---|"]
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        these = [outcome for outcome in outcomes if outcome.kind == kind]
        resumed = sum(o.resumed for o in these) if kind not in ("bad input", "hostile file") else "–"
        answered, longest = sum(o.answered for o in these), max(o.seconds for o in these)
        rows.append(f"| {kind} | {len(these)} | {answered} | {resumed} | {longest:.0f} s |")
    if skipped:
        rows.append(f"| full disk | 0 | – | – | not possible here: {skipped} |")
    return (
        "\n".join(rows)
        + f"\n\n{date.today().isoformat()}, {minutes:.1f} minutes on {os.cpu_count()} cores"
        + (".\n" if PATIENCE == USUAL else f" that did other work (a command had {PATIENCE:g} s).\n")
    )


def main() -> None:
    """Run everything, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        outcomes, skipped = all_outcomes(options.seed, options.kills, Path(name))
    text = table(outcomes, skipped, (time.monotonic() - started) / 60)
    print(text)
    if options.write:
        before, rest = options.write.read_text().split(BEGIN)
        options.write.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])
    sys.exit(any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    main()
