"""One table over the jobs of a sweep."""

import json
from collections.abc import Sequence
from typing import Any

from hw4.core.protocols import RELATIVE
from hw4.core.scale import DEGREES, MISSING
from hw4.metrics import PoseMetric, splat_metrics, summary_metrics
from hw4.output.tables import Table, number
from hw4.pose.beside import why_they_differ
from hw4.pose.metrics import Measured
from hw4.pose.results import PoseResult
from hw4.records.comparison import Comparison, Job
from hw4.records.files import OK
from hw4.splat.result import SplatResult

# Limit in degrees of the column that counts samples, failures among them.
BELOW = 15
# Means over the validation pairs; degrees, and points relative to their mean distance.
PRETRAIN_METRICS = {
    "validation rotation": "val/rotation_deg",
    "of pairs up to 45°": "val/overlap_deg",
    "of wider pairs": "val/wide_deg",
    "validation points": "val/points",
}


def _pose(job: Job) -> PoseResult | None:
    # What a killed job had of it is the report's to show.
    return None if job.run.partial else job.run.pose


def _has_interval(row: PoseMetric) -> bool:
    # Of means of errors alone, so that the table keeps a readable width.
    return row.scale == DEGREES


def _metric_cell(row: PoseMetric, metric: Measured | None) -> str:
    if metric is None or metric.value is None:
        return MISSING
    cell = row.scale.text(metric.value)
    if _has_interval(row) and metric.low is not None and metric.high is not None:
        cell += f" [{row.scale.short(metric.low)}, {row.scale.short(metric.high)}]"
    return cell


def _pose_rows(poses: Sequence[PoseResult]) -> list[PoseMetric]:
    """The metrics of any of the protocols that results were made by."""
    protocols = {pose.summary.protocol for pose in poses}
    return [row for row in summary_metrics() if row.protocols is None or protocols & {*row.protocols}]


def _rows_beside(poses: Sequence[PoseResult]) -> list[PoseMetric]:
    """The metrics that stand beside those of the homework's protocol; none where nothing does."""
    return summary_metrics(RELATIVE) if any(pose.relative for pose in poses) else []


def _pose_columns(poses: Sequence[PoseResult]) -> list[str]:
    labels = [row.label for row in _pose_rows(poses)]
    beside = [f"{row.label}, relative" for row in _rows_beside(poses)]
    return ["valid", f"<{BELOW}° of all", *labels, *beside]


def _pose_cells(pose: PoseResult | None, poses: Sequence[PoseResult]) -> list[str]:
    columns = _pose_columns(poses)
    if pose is None:
        return [MISSING] * len(columns)
    summary, rows = pose.summary, _pose_rows(poses)
    cells = [f"{count}/{summary.n_total}" for count in (summary.n_valid, summary.n_below[BELOW])]
    cells += [_metric_cell(row, summary.metrics.get(row.name)) for row in rows]
    if pose.relative is not None:
        cells += [_metric_cell(row, pose.relative.metrics.get(row.name)) for row in _rows_beside(poses)]
    return cells + [MISSING] * (len(columns) - len(cells))


def _splat_columns() -> list[str]:
    return [*(row.label for row in splat_metrics()), "Gaussians", "training s"]


def _splat_cells(splat: SplatResult | None) -> list[str]:
    if splat is None:
        return [MISSING] * len(_splat_columns())
    scores = [row.scale.text(splat.scores[row.name]) for row in splat_metrics()]
    return [*scores, str(splat.n_gaussians), number(splat.train_seconds, 1)]


def _pretrain_cells(pretrain: dict[str, Any]) -> list[str]:
    validation = pretrain.get("validation") or {}
    cells = [number(validation.get(key), 3) for key in PRETRAIN_METRICS.values()]
    return [str(pretrain.get("steps", MISSING)), *cells]


def _notes(job: Job) -> list[str]:
    """What is to be said of one job, pose first."""
    pose, splat, about = _pose(job), job.run.splat, f"job {job.name}"
    notes = [] if pose is None else [f"{about}: {remark}" for remark in pose.remarks]
    differing = None if pose is None else why_they_differ(pose.summary, pose.relative)
    notes += [f"{about}: {differing}"] if differing else []
    if splat is not None:
        notes.append(f"{about}: splat initialised from {splat.origin}")
        if splat.aligned_test_views:
            notes.append(f"{about}: test cameras were optimised before scoring")
        notes += [f"{name} is missing: {reason}" for name, reason in splat.missing.items()]
    if job.run.status != OK:
        notes.append(f"{about} failed: {job.error}")
    skipped = job.run.results.get("skipped") or {}
    return notes + [f"{about}: {stage} was skipped: {reason}" for stage, reason in skipped.items()]


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
    """Jobs as rows; first the keys in which all jobs differ, then the metrics that any job has.

    Keys that only some jobs have are listed in the notes, so that the table keeps a readable width.
    """
    jobs = comparison.jobs
    poses = [pose for job in jobs if (pose := _pose(job)) is not None]
    has_splat = any(job.run.splat for job in jobs)
    has_pretrain = any(job.run.results.get("pretrain") for job in jobs)
    shared = [k for k in comparison.differing_keys if all(k in job.settings for job in jobs)]
    columns = ["job", *shared]
    columns += _pose_columns(poses) if poses else []
    columns += _splat_columns() if has_splat else []
    columns += ["steps", *PRETRAIN_METRICS] if has_pretrain else ()
    rows = []
    for job in jobs:
        row = [job.name, *(_setting(job.settings[key]) for key in shared)]
        row += _pose_cells(_pose(job), poses) if poses else []
        row += _splat_cells(job.run.splat) if has_splat else []
        row += _pretrain_cells(job.run.results.get("pretrain") or {}) if has_pretrain else []
        rows.append(row)
    weights = {f"job {j.name}: {p.model}, weights: {p.weights}" for j in jobs if (p := _pose(j)) is not None}
    kinds = {(s.protocol, s.mode, s.failures) for s in (pose.summary for pose in poses)}
    notes = [note for job in jobs for note in _notes(job)]
    notes += [
        f"protocol {protocol}, mode {mode}, failures {failures}" for protocol, mode, failures in sorted(kinds)
    ]
    notes += [
        f"only job {job.name} and its like have: {', '.join(f'{k}={_setting(v)}' for k, v in own.items())}"
        for job, own in _own_settings(jobs, shared)
    ]
    if poses:
        with_interval = ", ".join(row.label for row in _pose_rows(poses) if _has_interval(row))
        notes.append(f"{with_interval} with 95 % bootstrap intervals over samples")
    return Table(title, columns, rows, [*sorted(weights), *dict.fromkeys(notes)])
