"""The runs below some folders with their metrics, filtered and sorted."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hw4.config.decides import known_keys
from hw4.config.fields import nearest
from hw4.core.errors import UserError
from hw4.data.registry import data_configs
from hw4.metrics import Metric, PoseMetric, pose_headline, table
from hw4.models.registry import model_configs
from hw4.records.files import MARKS, PLAN, SWEEP_CONFIG
from hw4.records.run import Run
from hw4.records.runs import is_run, load_runs
from hw4.records.settings import Setting, settings_of

# Columns of the table that a configuration key fills.
SETTINGS = {"task": "task", "model": "model.name", "input": "input.name", "data": "data.name"}
CONDITION = re.compile(r"^([\w@.]+)\s*(<=|>=|!=|=|<|>)\s*(.+)$")


def listed_metrics() -> list[Metric]:
    """The metrics that a list of runs shows, pose first."""
    rows = [row for row in table().values() if row.is_listed]
    return sorted(rows, key=lambda row: not isinstance(row, PoseMetric))


@dataclass(frozen=True)
class Listed:
    """One run and its numbers by the metrics' labels; one that it lacks is None.

    `setting`: where it stands for several runs of a sweep that differ in their seeds alone; its numbers are
    then their means.
    """

    run: Run
    started: str
    metrics: dict[str, float | None]
    setting: Setting | None = None

    @property
    def folder(self) -> str:
        """Its folder; of several, that of their sweep with their names."""
        if self.setting is None:
            return str(self.run.folder)
        parent = _sweep_of(self.run) or self.run.folder.parent
        names = [run.folder.relative_to(parent).as_posix() for run in self.setting.runs]
        # Jobs are numbered, and 10 comes after 9.
        return f"{parent}/{{{','.join(sorted(names, key=lambda name: (len(name), name)))}}}"

    @property
    def status(self) -> str:
        """Its status; of several, how many have which."""
        if self.setting is None:
            return self.run.status
        counts = Counter(run.status for run in self.setting.runs)
        return ", ".join(f"{count} {status}" for status, count in counts.items())

    @property
    def runs(self) -> Sequence[Run]:
        """The runs that it stands for."""
        return [self.run] if self.setting is None else self.setting.runs

    @property
    def valid(self) -> str | None:
        """How many samples have a result, of all its runs, as ``6/15``; None without a pose stage."""
        summaries = [run.pose.summary for run in self.runs if run.pose]
        if not summaries:
            return None
        return f"{sum(one.n_valid for one in summaries)}/{sum(one.n_total for one in summaries)}"

    def rank(self, row: Metric) -> float | None:
        """What orders it by a metric, see `Run.rank`: of several runs, the mean."""
        known = [value for run in self.runs if (value := run.rank(row)) is not None]
        return sum(known) / len(known) if known else None

    def cell(self, row: Metric) -> str:
        """A metric as the table has it."""
        if self.setting is None:
            return row.scale.text(self.metrics[row.label])
        return self.setting.spread(row).text(row.scale)

    def value(self, key: str) -> Any:
        """A metric, ``status``, ``started``, ``run`` (its folder), or a dotted configuration key."""
        if key in self.metrics:
            return self.metrics[key]
        facts = {"status": self.status, "started": self.started, "run": self.folder}
        if key in facts:
            return facts[key]
        if self.setting is not None and key in self.setting.seeds:
            return ", ".join(dict.fromkeys(map(str, self.setting.seeds[key])))
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


def by_setting(runs: Sequence[Listed]) -> list[Listed]:
    """The same with one row for the jobs of a sweep that differ in their seeds alone."""
    sweeps: dict[Path, list[Listed]] = {}
    for listed in runs:
        sweeps.setdefault(_sweep_of(listed.run) or listed.run.folder, []).append(listed)
    return [row for own in sweeps.values() for row in _settings(own)]


def _settings(runs: Sequence[Listed]) -> list[Listed]:
    own = {id(listed.run): listed for listed in runs}
    rows = []
    for setting in settings_of([listed.run for listed in runs]):
        first = own[id(setting.runs[0])]
        if setting.is_repeated:
            means = {row.label: setting.spread(row).mean for row in listed_metrics()}
            first = replace(first, metrics=means, setting=setting)
        rows.append(first)
    return rows


def _sweep_of(run: Run) -> Path | None:
    """The folder of the sweep that a run is a job of, or None."""
    marks = (PLAN, SWEEP_CONFIG)
    return next((folder for folder in run.folder.parents if any((folder / n).exists() for n in marks)), None)


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
        return listed.value(key) if row is None else listed.rank(row)

    have = [r for r in runs if r.value(key) is not None]
    numeric = all(isinstance(r.value(key), int | float) for r in have)
    have.sort(key=lambda r: rank(r) if numeric else str(r.value(key)), reverse=descending)
    return have + [r for r in runs if r.value(key) is None]
