"""An earlier revision of this project beside the checkout: named on the command line, from its history."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import ROOT, Record, begin, make_parser

BEFORE = "d30d823"


def start_beside(name: str, description: str | None, argv: Sequence[str] | None = None) -> tuple[Record, str]:
    """As `benchmarks.measure.start`; also the earlier revision, of ``--before``."""
    parser = make_parser(name, description)
    parser.add_argument("--quick", action="store_true", help="small cells only; leaves no record")
    parser.add_argument("--before", metavar="REV", default=BEFORE, help="the earlier revision (%(default)s)")
    given = parser.parse_args(argv)
    return begin(name, given.quick), given.before


def unpacked(revision: str, folder: Path) -> Path:
    """The code of a revision, in a folder.

    Raises:
        SystemExit: there is no such revision here.
    """
    folder.mkdir()
    done = subprocess.run(["git", "-C", str(ROOT), "archive", revision], capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"--before {revision}: {done.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=done.stdout, check=True)
    return folder
