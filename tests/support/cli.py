"""The command line: run in a process of its own, or refused while it is read."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hw4.launch import sweep
from hw4.launch.compose_once import composed_once
from hw4.launch.explain import explain
from tests.support import forked


def hw4(
    cwd: Path, *arguments: str, fresh: bool = False, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``python -m hw4 arguments``, forked with its libraries imported, or a new process where `fresh`."""
    env = {**os.environ, "COLUMNS": "160", **(env or {})}
    if not fresh:
        return forked.run(arguments, cwd=cwd, env=env, module="hw4")
    command = [sys.executable, "-m", "hw4", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=env)


def run_pose(cwd: Path, root: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Without a report, which takes as long as the rest."""
    common = ["task=pose", "model=sfm", "data=pairs", f"data.root={root}", "wandb=disabled"]
    return hw4(cwd, *common, "report.auto=false", *more)


def plan(overrides: Sequence[str], multirun: bool) -> sweep.Plan:
    """As the command line plans: what is the same is composed once."""
    with composed_once():
        return sweep.plan(overrides, multirun)


def refused(*overrides: str, multirun: bool = False) -> str:
    try:
        plan(overrides, multirun)
    except Exception as error:
        sentence = explain(error)
        assert sentence is not None, f"not worded: {error!r}"
        return str(sentence)
    pytest.fail(f"{overrides} was accepted")
