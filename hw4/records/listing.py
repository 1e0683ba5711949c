"""The runs below some folders with their metrics, filtered and sorted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw4.config.decides import known_keys
from hw4.config.fields import nearest
from hw4.core.errors import UserError
from hw4.data.registry import data_configs
from hw4.metrics import Metric, PoseMetric, pose_headline, table
from hw4.models.registry import model_configs
from hw4.records.files import MARKS
from hw4.records.run import Run
from hw4.records.runs import is_run, load_runs

# Columns of the table that a configuration key fills.
SETTINGS = {"task": "task", "model": "model.name", "input": "input.name", "data": "data.name"}
CONDITION = re.compile(r"^([\w@.]+)\s*(<=|>=|!=|=|<|>)\s*(.+)$")


def listed_metrics() -> list[Metric]:
    """The metrics that a list of runs shows, pose first."""
    rows = [row for row in table().values() if row.is_listed]
    return sorted(rows, key=lambda row: not isinstance(row, PoseMetric))


@dataclass(frozen=True)
class Listed:
    """One run and its numbers by the metrics' labels; one that it lacks is None."""

    run: Run
    started: str
    metrics: dict[str, float | None]

    def value(self, key: str) -> Any:
        """A metric, ``status``, ``started``, ``run`` (its folder), or a dotted configuration key."""
        if key in self.metrics:
            return self.metrics[key]
        facts = {"status": self.run.status, "started": self.started, "run": str(self.run.folder)}
        if key in facts:
            return facts[key]
        # A column names what the run made use of: no model where predictions of a file were scored.
        unread = key in SETTINGS and not self.run.reads(SETTINGS[key])
        return None if unread else self.run.option(SETTINGS.get(key, key))


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
        folders = {path.parent for mark in MARKS for path in root.rglob(mark)}
        # A sweep's folder has a mark as well, and no result of its own: its jobs are found by themselves.
        runs = [run for folder in folders if is_run(folder) for run in load_runs(folder).runs]
        found += [_listed(run) for run in {run.folder: run for run in runs if run.folder in folders}.values()]
    return sorted(found, key=lambda listed: (listed.started, str(listed.run.folder)))


def _listed(run: Run) -> Listed:
    metrics = {row.label: run.value(row) for row in listed_metrics()}
    return Listed(run, str(run.results.get("provenance", {}).get("started", "")), metrics)


def check_known(key: str, option: str, runs: Sequence[Listed]) -> None:
    """Refuse a key that neither the program nor any of the runs knows.

    Raises:
        UserError: naming the nearest key; `option` is what the user wrote.
    """
    if any(listed.value(key) is not None for listed in runs):
        return
    labels = [row.label for row in listed_metrics()]
    settable = known_keys(model=model_configs(), data=data_configs())
    keys = [*labels, *SETTINGS, "status", "started", "run", *settable]
    if key in keys:
        return
    spelled = {known.lower(): known for known in reversed(keys)}
    close = nearest(key.lower(), list(spelled))
    hint = f"did you mean {spelled[close]}?" if close else f"metrics are {', '.join(labels)}."
    raise UserError(f"{option}: there is no column or config key {key!r}; {hint}")


def parsed(condition: str, runs: Sequence[Listed]) -> tuple[str, str, str]:
    """(key, relation, value) of a condition such as ``input.name=pair``.

    Raises:
        UserError: it cannot be understood, or its key is unknown.
    """
    match = CONDITION.match(condition)
    if match is None:
        raise UserError(
            f"--where {condition!r} is not understood; write such as input.name=pair or "
            f"'{pose_headline().label}<20'."
        )
    key, relation, wanted = match.groups()
    check_known(key, f"--where {condition!r}", runs)
    if relation not in ("=", "!="):
        try:
            float(wanted)
        except ValueError as error:
            raise UserError(f"--where {condition!r}: {wanted!r} is not a number.") from error
    return key, relation, wanted


def holds(listed: Listed, key: str, relation: str, wanted: str) -> bool:
    """Whether a run meets a condition; a missing value satisfies no inequality."""
    value = listed.value(key)
    if relation in ("=", "!="):
        return (str(value) == wanted) == (relation == "=")
    limit = float(wanted)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[relation]


def ordered(runs: list[Listed], key: str, descending: bool) -> list[Listed]:
    """Runs by a value, or by a metric's `Run.rank`; those without one come last in both directions."""
    row = next((row for row in listed_metrics() if row.label == key), None)

    def rank(listed: Listed) -> Any:
        return listed.value(key) if row is None else listed.run.rank(row)

    have = [r for r in runs if r.value(key) is not None]
    numeric = all(isinstance(r.value(key), int | float) for r in have)
    have.sort(key=lambda r: rank(r) if numeric else str(r.value(key)), reverse=descending)
    return have + [r for r in runs if r.value(key) is None]
