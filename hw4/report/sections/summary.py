"""The report's section of pose summaries."""

from collections.abc import Sequence

from hw4.core.scale import MISSING, Scale
from hw4.metrics import label_of, scale_of
from hw4.output.blocks import NOTE, Section, Text
from hw4.output.tables import Table
from hw4.pose.beside import why_they_differ
from hw4.pose.metrics import Measured, PoseSummary
from hw4.pose.results import PoseResult
from hw4.records.settings import Setting, Spread, settings_of
from hw4.report.findings import Findings

# More runs than this stand below each other.
MAX_COLUMNS = 7


def summary_section(findings: Findings) -> Section | None:
    """Every pose run's metrics with intervals as its results.json has them; of seeds, the spread."""
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
    settings = settings_of(findings.with_pose)
    for setting in settings:
        poses = [run.pose for run in setting.runs if run.pose]
        for heading, summaries in _headed(setting, poses):
            columns.append(heading)
            for row, cell in zip(rows, _cells(poses[0].weights, summaries, names, limits), strict=True):
                row.append(cell)
    for run, pose in with_pose:
        summary = pose.summary
        measured = {name: summary.metrics.get(name, Measured(None)) for name in names}
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
    single = [run.pose for setting in settings if not setting.is_repeated for run in setting.runs if run.pose]
    drawn = dict.fromkeys(pose.summary.drawn for pose in single)
    notes += [f"brackets: 95 % bootstrap intervals over {text}" for text in drawn]
    if len(single) < len(with_pose):
        notes.append("±: standard deviation over the seeds; counts are of all of them")
    table = Table("Every pose run", columns, rows, notes)
    section.blocks.append(table if len(columns) <= MAX_COLUMNS else table.transposed())
    return section


def _headed(setting: Setting, poses: Sequence[PoseResult]) -> list[tuple[str, list[PoseSummary]]]:
    """The setting's columns: its summaries, and where those are of another protocol, the relative ones."""
    label = f"{setting.run.label}{' (partial)' if any(run.partial for run in setting.runs) else ''}"
    if setting.is_repeated:
        label += f", {len(setting.runs)} seeds"
    own, beside = [pose.summary for pose in poses], [pose.relative for pose in poses if pose.relative]
    if not beside:
        return [(label, own)]
    return [(f"{label}, {own[0].protocol}", own), (f"{label}, relative", beside)]


def _cells(
    weights: str, summaries: Sequence[PoseSummary], names: Sequence[str], limits: Sequence[int]
) -> list[str]:
    total = sum(summary.n_total for summary in summaries)
    below = [[summary.n_below.get(limit) for summary in summaries] for limit in limits]
    counts = [MISSING if None in row else str(sum(n for n in row if n is not None)) for row in below]
    valid = sum(summary.n_valid for summary in summaries)
    metrics = [
        _cell(scale_of(name), [summary.metrics.get(name, Measured(None)) for summary in summaries])
        for name in names
    ]
    return [weights, f"{valid}/{total}", *(f"{count}/{total}" for count in counts), *metrics]


def _cell(scale: Scale, found: Sequence[Measured]) -> str:
    if len(found) > 1:
        return Spread(tuple(metric.value for metric in found)).text(scale)
    (metric,) = found
    cell = scale.text(metric.value)
    if metric.low is not None and metric.high is not None:
        cell += f" [{scale.short(metric.low)}, {scale.short(metric.high)}]"
    return cell
