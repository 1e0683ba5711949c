"""The runs on this machine with their metrics, filtered and sorted (``hw4 runs``)."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw4.config import DATA_NODES
from hw4.config.decides import known_keys
from hw4.config.fields import nearest
from hw4.core.errors import UserError
from hw4.models.registry import model_configs
from hw4.output.tables import MISSING, Table, format_metric, number
from hw4.records.runs import Run, is_run, load_runs

POSE_COLUMNS = ("MRE", "MTE", "Acc@15", "AUC@30")
SPLAT_COLUMNS = {"PSNR": ("psnr", 2), "SSIM": ("ssim", 4), "LPIPS": ("lpips", 4)}
METRICS = (*POSE_COLUMNS, *SPLAT_COLUMNS)
# Columns of the table that a configuration key fills.
SETTINGS = {"task": "task", "model": "model.name", "input": "input.name", "data": "data.name"}
CONDITION = re.compile(r"^([\w@.]+)\s*(<=|>=|!=|=|<|>)\s*(.+)$")


@dataclass(frozen=True)
class Listed:
    """One run and its numbers; a metric that it lacks is None."""

    run: Run
    started: str
    metrics: dict[str, float | None]

    def value(self, key: str) -> Any:
        """A metric, ``status``, ``started``, ``run`` (its folder), or a dotted configuration key."""
        if key in self.metrics:
            return self.metrics[key]
        facts = {"status": self.run.status, "started": self.started, "run": str(self.run.folder)}
        return facts[key] if key in facts else self.run.option(SETTINGS.get(key, key))


def find_runs(roots: Sequence[Path]) -> list[Listed]:
    """Every run below the given folders, in order of their start.

    Raises:
        UserError: a folder does not exist.
    """
    found = []
    for root in roots:
        if not root.is_dir():
            raise UserError(
                f"{root} is not a folder; name one in which runs lie, such as outputs or multirun."
            )
        marks = ("results.json", "samples.jsonl", ".hydra")
        folders = {path.parent for mark in marks for path in root.rglob(mark)}
        # A sweep's folder has a mark as well, and no result of its own: its jobs are found by themselves.
        runs = [run for folder in folders if is_run(folder) for run in load_runs(folder).runs]
        found += [_listed(run) for run in {run.folder: run for run in runs if run.folder in folders}.values()]
    return sorted(found, key=lambda listed: (listed.started, str(listed.run.folder)))


def _listed(run: Run) -> Listed:
    pose = (run.pose or {}).get("metrics", {})
    metrics = {name: (pose.get(name) or {}).get("value") for name in POSE_COLUMNS}
    metrics |= {name: (run.splat or {}).get(key) for name, (key, _) in SPLAT_COLUMNS.items()}
    return Listed(run, str(run.results.get("provenance", {}).get("started", "")), metrics)


def _known(key: str, option: str, runs: Sequence[Listed]) -> None:
    """Refuse a key that neither the program nor any of the runs knows."""
    if any(listed.value(key) is not None for listed in runs):
        return
    settable = known_keys(model=model_configs(), data=DATA_NODES)
    keys = [*METRICS, *SETTINGS, "status", "started", "run", *settable]
    if key in keys:
        return
    spelled = {known.lower(): known for known in reversed(keys)}
    close = nearest(key.lower(), list(spelled))
    hint = f"did you mean {spelled[close]}?" if close else f"metrics are {', '.join(METRICS)}."
    raise UserError(f"{option}: there is no column or config key {key!r}; {hint}")


def _parsed(condition: str, runs: Sequence[Listed]) -> tuple[str, str, str]:
    """(key, relation, value) of a condition."""
    match = CONDITION.match(condition)
    if match is None:
        raise UserError(
            f"--where {condition!r} is not understood; write such as input.name=pair or 'MRE<20'."
        )
    key, relation, wanted = match.groups()
    _known(key, f"--where {condition!r}", runs)
    if relation not in ("=", "!="):
        try:
            float(wanted)
        except ValueError as error:
            raise UserError(f"--where {condition!r}: {wanted!r} is not a number.") from error
    return key, relation, wanted


def _holds(listed: Listed, key: str, relation: str, wanted: str) -> bool:
    value = listed.value(key)
    if relation in ("=", "!="):
        return (str(value) == wanted) == (relation == "=")
    limit = float(wanted)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[relation]


def _sorted(runs: list[Listed], key: str, descending: bool) -> list[Listed]:
    """Runs without the value come last in both directions."""
    have = [r for r in runs if r.value(key) is not None]
    numeric = all(isinstance(r.value(key), int | float) for r in have)
    have.sort(key=lambda r: r.value(key) if numeric else str(r.value(key)), reverse=descending)
    return have + [r for r in runs if r.value(key) is None]


def runs_table(runs: Sequence[Listed], keys: Sequence[str] = ()) -> Table:
    """One row per run; `keys` are configuration keys to show besides."""
    used = [m for m in METRICS if any(r.metrics[m] is not None for r in runs)]
    rows = []
    for listed in runs:
        config = [listed.value(key) for key in (*SETTINGS, *keys)]
        if config[2] is not None:
            config[2] = listed.run.input_label
        cells = [
            number(listed.metrics[m], SPLAT_COLUMNS[m][1])
            if m in SPLAT_COLUMNS
            else format_metric(m, listed.metrics[m])
            for m in used
        ]
        settings = [MISSING if value is None else str(value) for value in config]
        rows.append((str(listed.run.folder), listed.run.status, *settings, *cells))
    columns = ("run", "status", *SETTINGS, *keys, *used)
    return Table("1 run" if len(runs) == 1 else f"{len(runs)} runs", columns, rows)


def list_runs(arguments: Sequence[str]) -> Table:
    """The table for a ``hw4 runs`` command line.

    Raises:
        UserError: a folder does not exist, a condition cannot be understood, or a key is unknown.
    """
    parser = argparse.ArgumentParser("hw4 runs", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="default: outputs and multirun")
    parser.add_argument(
        "--where", action="append", default=[], metavar="CONDITION",
        help="keep runs for which it holds: 'MRE<20', input.name=pair, status=ok; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--sort", default="started", metavar="KEY", help="a metric or key; -KEY: largest first"
    )
    parser.add_argument("--show", action="append", default=[], metavar="KEY", help="a further config key")
    parser.add_argument("--limit", type=int, help="show so many at most")
    # argparse takes "-PSNR" for an option unless it is joined to --sort.
    joined = re.sub(r"(^|\0)--sort\0", r"\1--sort=", "\0".join(arguments)).split("\0") if arguments else []
    options = parser.parse_args(joined)
    folders = options.folders or [p for p in (Path("outputs"), Path("multirun")) if p.is_dir()]
    runs = find_runs(folders)
    conditions = [_parsed(condition, runs) for condition in options.where]
    key = options.sort.removeprefix("-")
    for option, wanted in (("--sort", key), *(("--show", shown) for shown in options.show)):
        _known(wanted, f"{option} {wanted}", runs)
    kept = [r for r in runs if all(_holds(r, *condition) for condition in conditions)]
    return runs_table(_sorted(kept, key, options.sort.startswith("-"))[: options.limit], options.show)
