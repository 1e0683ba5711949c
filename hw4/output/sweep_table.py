"""One table over the settings of a sweep."""

import json
from collections.abc import Sequence
from typing import Any

from hw4.core.protocols import RELATIVE
from hw4.core.scale import DEGREES, MISSING, Scale
from hw4.metrics import Metric, PoseMetric, splat_metrics, summary_metrics, views_metrics
from hw4.output.tables import Table
from hw4.pose.beside import why_they_differ
from hw4.pose.metrics import Measured, PoseSummary
from hw4.pose.results import PoseResult
from hw4.records.comparison import Comparison, Job
from hw4.records.files import OK
from hw4.records.run import Run
from hw4.records.settings import Setting, Spread

# Limit in degrees of the column that counts samples, failures among them.
BELOW = 15
# More jobs than this are counted.
MOST_NAMED = 8
# Means over the validation pairs; degrees, and points relative to their mean distance.
PRETRAIN_METRICS = {
    "validation rotation": "val/rotation_deg",
    "of pairs up to 45°": "val/overlap_deg",
    "of wider pairs": "val/wide_deg",
    "validation points": "val/points",
}


def _pose(run: Run) -> PoseResult | None:
    # What a killed job had of it is the report's to show.
    return None if run.partial else run.pose


def _has_interval(row: Metric) -> bool:
    # Of means of errors alone, so that the table keeps a readable width.
    return row.scale == DEGREES


def _metric_cell(row: Metric, found: Sequence[Measured | None]) -> str:
    """One run's value with its interval, or the mean and spread of several."""
    if len(found) > 1:
        return Spread(tuple(None if one is None else one.value for one in found)).text(row.scale)
    metric = found[0]
    if metric is None or metric.value is None:
        return MISSING
    cell = row.scale.text(metric.value)
    if _has_interval(row) and metric.low is not None and metric.high is not None:
        cell += f" [{row.scale.short(metric.low)}, {row.scale.short(metric.high)}]"
    return cell


def _pose_rows(poses: Sequence[PoseResult]) -> list[Metric]:
    """The metrics of any of the protocols that results were made by, and those of N views that any has."""
    protocols = {pose.summary.protocol for pose in poses}
    of_pairs = [row for row in summary_metrics() if row.protocols is None or protocols & {*row.protocols}]
    found = {name for pose in poses for name, one in pose.summary.metrics.items() if one.value is not None}
    return [*of_pairs, *(row for row in views_metrics() if row.name in found)]


def _rows_beside(poses: Sequence[PoseResult]) -> list[PoseMetric]:
    """The metrics that stand beside those of the homework's protocol; none where nothing does."""
    return summary_metrics(RELATIVE) if any(pose.relative for pose in poses) else []


def _pose_columns(poses: Sequence[PoseResult]) -> list[str]:
    labels = [row.label for row in _pose_rows(poses)]
    beside = [f"{row.label}, relative" for row in _rows_beside(poses)]
    return ["valid", f"<{BELOW}° of all", *labels, *beside]


def _pose_cells(setting: Setting, poses: Sequence[PoseResult]) -> list[str]:
    columns = _pose_columns(poses)
    found = [_pose(run) for run in setting.runs]
    own = [pose for pose in found if pose is not None]
    if not own:
        return [MISSING] * len(columns)
    total = sum(pose.summary.n_total for pose in own)
    counts = [sum(pose.summary.n_valid for pose in own), sum(pose.summary.n_below[BELOW] for pose in own)]
    cells = [f"{count}/{total}" for count in counts]
    summaries = [None if pose is None else pose.summary for pose in found]
    beside = [None if pose is None else pose.relative for pose in found]
    cells += [_metric_cell(row, _measured(row, summaries)) for row in _pose_rows(poses)]
    if any(beside):
        cells += [_metric_cell(row, _measured(row, beside)) for row in _rows_beside(poses)]
    return cells + [MISSING] * (len(columns) - len(cells))


def _measured(row: Metric, summaries: Sequence[PoseSummary | None]) -> list[Measured | None]:
    return [None if summary is None else summary.metrics.get(row.name) for summary in summaries]


def _splat_columns() -> list[str]:
    return [*(row.label for row in splat_metrics()), "Gaussians", "training s"]


def _splat_cells(setting: Setting) -> list[str]:
    splats = [run.splat for run in setting.runs]
    if not any(splats):
        return [MISSING] * len(_splat_columns())
    counts = Spread(tuple(None if splat is None else float(splat.n_gaussians) for splat in splats))
    seconds = Spread(tuple(None if splat is None else splat.train_seconds for splat in splats))
    scores = [setting.spread(row).text(row.scale) for row in splat_metrics()]
    return [*scores, counts.text(Scale(0, 0)), seconds.text(Scale(1, 1))]


def _pretrain_cells(setting: Setting) -> list[str]:
    found = [run.results.get("pretrain") or {} for run in setting.runs]
    steps = dict.fromkeys(str(pretrain.get("steps", MISSING)) for pretrain in found)
    values = [pretrain.get("validation") or {} for pretrain in found]
    spreads = [Spread(tuple(one.get(key) for one in values)) for key in PRETRAIN_METRICS.values()]
    return [", ".join(steps), *(spread.text(Scale(3, 1)) for spread in spreads)]


def _remarks(job: Job) -> list[str]:
    """What is to be said of one job, pose first."""
    pose, splat = _pose(job.run), job.run.splat
    remarks = []
    if pose is not None:
        differing = why_they_differ(pose.summary, pose.relative)
        remarks += [
            f"{pose.model}, weights: {pose.weights}",
            *pose.remarks,
            *([differing] if differing else []),
        ]
    if splat is not None:
        remarks.append(f"splat initialised from {splat.origin}")
        if splat.aligned_test_views:
            remarks.append("test cameras were optimised before scoring")
        remarks += [f"{name} is missing: {reason}" for name, reason in splat.missing.items()]
    skipped = job.run.results.get("skipped") or {}
    return remarks + [f"{stage} was skipped: {reason}" for stage, reason in skipped.items()]


def _notes(jobs: Sequence[Job]) -> list[str]:
    """What is to be said of jobs, each remark once with those that it is about."""
    names: dict[str, list[str]] = {}
    failed: dict[str, list[str]] = {}
    for job in jobs:
        for remark in dict.fromkeys(_remarks(job)):
            names.setdefault(remark, []).append(job.name)
        if job.run.status != OK:
            failed.setdefault(str(job.error), []).append(job.name)
    return [
        *(f"{_who(about, len(jobs))}: {remark}" for remark, about in names.items()),
        *(f"{_who(about, len(jobs))} failed: {error}" for error, about in failed.items()),
    ]


def _who(names: Sequence[str], n_jobs: int) -> str:
    if len(names) == 1:
        return f"job {names[0]}"
    if len(names) == n_jobs:
        return "all jobs"
    if len(names) > MOST_NAMED:
        return f"{len(names)} of {n_jobs} jobs, the first {names[0]}"
    return f"jobs {', '.join(names)}"


def _setting(value: Any) -> str:
    return "null" if value is None else str(value)


def _own_settings(jobs: Sequence[Job], shared: Sequence[str]) -> list[tuple[Job, dict[str, Any]]]:
    """Differing keys that not every job has (those of one model, say), once per set of values."""
    groups: dict[str, tuple[Job, dict[str, Any]]] = {}
    for job in jobs:
        own = {key: value for key, value in job.settings.items() if key not in shared}
        if own:
            groups.setdefault(json.dumps(own, sort_keys=True), (job, own))
    return list(groups.values())


def comparison_table(comparison: Comparison, title: str) -> Table:
    """Settings as rows; first the keys in which all differ, then the metrics that any has.

    Jobs that differ in their seeds alone are one setting: its cells are means with their spread. Keys that
    only some jobs have are listed in the notes, so that the table keeps a readable width.
    """
    jobs, settings = comparison.jobs, comparison.settings
    poses = [pose for job in jobs if (pose := _pose(job.run)) is not None]
    has_splat = any(job.run.splat for job in jobs)
    has_pretrain = any(job.run.results.get("pretrain") for job in jobs)
    repeated = any(setting.is_repeated for setting in settings)
    shared = [k for k in comparison.differing_keys if all(k in job.settings for job in jobs)]
    columns = ["job", *(["seeds"] if repeated else []), *shared]
    columns += _pose_columns(poses) if poses else []
    columns += _splat_columns() if has_splat else []
    columns += ["steps", *PRETRAIN_METRICS] if has_pretrain else ()
    rows = []
    for setting in settings:
        row = [setting.names, *([str(len(setting.runs))] if repeated else [])]
        row += [_setting(setting.values[key]) for key in shared]
        row += _pose_cells(setting, poses) if poses else []
        row += _splat_cells(setting) if has_splat else []
        row += _pretrain_cells(setting) if has_pretrain else []
        rows.append(row)
    kinds = {(s.protocol, s.mode, s.failures) for s in (pose.summary for pose in poses)}
    notes = _notes(jobs)
    notes += [
        f"protocol {protocol}, mode {mode}, failures {failures}" for protocol, mode, failures in sorted(kinds)
    ]
    notes += [
        f"only job {job.name} and its like have: {', '.join(f'{k}={_setting(v)}' for k, v in own.items())}"
        for job, own in _own_settings(jobs, [*shared, *comparison.seed_keys])
    ]
    notes += [_about_seeds(settings)] if repeated else []
    notes += _about_intervals(settings)
    return Table(title, columns, rows, notes)


def _about_intervals(settings: Sequence[Setting]) -> list[str]:
    """Which cells have brackets and what was drawn anew for them; nothing where none has."""
    single = [
        pose for setting in settings if not setting.is_repeated and (pose := _pose(setting.run)) is not None
    ]
    labels: dict[str, None] = {}
    drawn: dict[str, None] = {}
    for pose in single:
        found = [one for one in (pose.summary, pose.relative) if one is not None]
        for row in filter(_has_interval, _pose_rows(single)):
            if any(one is not None and one.low is not None for one in _measured(row, found)):
                labels[row.label] = drawn[pose.summary.drawn] = None
    return [f"{', '.join(labels)} with 95 % bootstrap intervals over {'; '.join(drawn)}"] if labels else []


def _about_seeds(settings: Sequence[Setting]) -> str:
    seeds = dict.fromkeys(setting.seeds_text for setting in settings if setting.is_repeated)
    return (
        f"{' / '.join(seeds)}: jobs that differ in their seeds alone are one row, mean ± standard deviation "
        "over the seeds; counts are of all of them"
    )
