"""Imports run one way, in no circle: the contracts in pyproject.toml, which say the order of the rooms."""

import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT


def test_the_contracts_hold() -> None:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
