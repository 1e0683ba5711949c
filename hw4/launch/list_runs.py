"""The runs on this machine with their metrics, filtered and sorted (``hw4 runs``)."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from hw4.metrics import pose_headline
from hw4.output.runs_table import runs_table
from hw4.output.tables import Table
from hw4.records.listing import by_setting, check_known, find_runs, holds, ordered, parsed


def list_runs(arguments: Sequence[str]) -> Table:
    """The table for a ``hw4 runs`` command line.

    Raises:
        UserError: a folder does not exist, a condition cannot be understood, or a key is unknown.
    """
    parser = argparse.ArgumentParser("hw4 runs", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="default: outputs and multirun")
    parser.add_argument(
        "--where", action="append", default=[], metavar="CONDITION",
        help=f"keep runs for which it holds: '{pose_headline().label}<20', input.name=pair, status=ok; "
        "may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--sort", default="started", metavar="KEY", help="a metric or key; -KEY: largest first"
    )
    parser.add_argument("--show", action="append", default=[], metavar="KEY", help="a further config key")
    parser.add_argument(
        "--each", action="store_true", help="a row for each job, also of those that differ in seeds alone"
    )
    parser.add_argument(
        "--watch", action="store_true", help="first wait for one sweep, and say how many jobs are over"
    )
    parser.add_argument("--limit", type=int, help="show so many at most")
    # argparse takes a metric behind a minus for an option unless it is joined to --sort.
    joined = re.sub(r"(^|\0)--sort\0", r"\1--sort=", "\0".join(arguments)).split("\0") if arguments else []
    options = parser.parse_args(joined)
    folders = options.folders or [p for p in (Path("outputs"), Path("multirun")) if p.is_dir()]
    runs = find_runs(folders)
    conditions = [parsed(condition, runs) for condition in options.where]
    key = options.sort.removeprefix("-")
    for option, wanted in (("--sort", key), *(("--show", shown) for shown in options.show)):
        check_known(wanted, f"{option} {wanted}", runs)
    kept = [r for r in runs if all(holds(r, *condition) for condition in conditions)]
    kept = kept if options.each else by_setting(kept)
    chosen = ordered(kept, key, options.sort.startswith("-"))[: options.limit]
    return runs_table(chosen, options.show, key)
