"""The report's section of pose summaries."""

from collections.abc import Sequence

from hw4.core.scale import MISSING, Scale
from hw4.metrics import label_of, scale_of
from hw4.output.blocks import NOTE, Section, Text
from hw4.output.tables import Table
from hw4.pose.beside import why_they_differ
from hw4.pose.metrics import Measured, PoseSummary
from hw4.report.findings import Findings

# More runs than this stand below each other.
MAX_COLUMNS = 7


def summary_section(findings: Findings) -> Section | None:
    """Every pose run's metrics with intervals, exactly as its results.json has them."""
    if not findings.asks_pose:
        return None
    section = Section("Pose: summaries")
    with_pose = [(run, run.pose) for run in findings.with_pose if run.pose]
    if not with_pose:
        section.blocks.append(Text("No run here has pose results.", NOTE))
        return section
    names = list(dict.fromkeys(name for _, pose in with_pose for name in pose.summary.metrics))
    limits = list(dict.fromkeys(limit for _, pose in with_pose for limit in pose.summary.n_below))
    rows: list[list[str]] = [["weights"], ["valid samples"], *([f"below {t}°, of all"] for t in limits)]
    rows += [[label_of(name)] for name in names]
    notes = []
    columns = ["metric"]
    for run, pose in with_pose:
        summary = pose.summary
        measured = {name: summary.metrics.get(name, Measured(None)) for name in names}
        label = f"{run.label}{' (partial)' if run.partial else ''}"
        shown = [(label, summary)]
        if pose.relative is not None:
            shown = [(f"{label}, {summary.protocol}", summary), (f"{label}, relative", pose.relative)]
        for heading, one in shown:
            columns.append(heading)
            for row, cell in zip(rows, _cells(pose.weights, one, names, limits), strict=True):
                row.append(cell)
        differing = why_they_differ(summary, pose.relative)
        notes += [f"{run.label}: {differing}"] if differing else []
        notes += [
            f"{run.label}: {label_of(name)} is missing: {metric.reason or 'no reason recorded'}"
            for name, metric in measured.items()
            if metric.value is None
        ]
        notes += [f"{run.label}: {remark}" for remark in pose.remarks]
        if run.partial:
            notes.append(f"{run.label} is partial: computed from the {summary.n_total} samples on disk")
    kinds = {(s.protocol, s.mode, s.failures) for s in (pose.summary for _, pose in with_pose)}
    notes += [f"protocol {a}, errors of mode {b}, failures: {c}" for a, b, c in sorted(kinds)]
    drawn = dict.fromkeys(pose.summary.drawn for _, pose in with_pose)
    notes += [f"brackets: 95 % bootstrap intervals over {text}" for text in drawn]
    table = Table("Every pose run", columns, rows, notes)
    section.blocks.append(table if len(columns) <= MAX_COLUMNS else table.transposed())
    return section


def _cells(weights: str, summary: PoseSummary, names: Sequence[str], limits: Sequence[int]) -> list[str]:
    of_all = f"/{summary.n_total}"
    counts = [f"{summary.n_below.get(limit, MISSING)}{of_all}" for limit in limits]
    measured = ((name, summary.metrics.get(name, Measured(None))) for name in names)
    metrics = [_cell(scale_of(name), metric) for name, metric in measured]
    return [weights, f"{summary.n_valid}{of_all}", *counts, *metrics]


def _cell(scale: Scale, metric: Measured) -> str:
    cell = scale.text(metric.value)
    if metric.low is not None and metric.high is not None:
        cell += f" [{scale.short(metric.low)}, {scale.short(metric.high)}]"
    return cell
