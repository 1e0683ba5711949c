"""Tables of one pose result."""

from typing import Any

from hw4.core.scale import MISSING, Scale
from hw4.data.views.sample import SampleViews
from hw4.metrics import label_of, scale_of, views_metrics
from hw4.output.tables import Table, number
from hw4.pose.beside import why_they_differ
from hw4.pose.metrics import Measured, PoseSummary, most_frequent
from hw4.pose.results import OK, PoseResult, SampleResult

# A sample of which the model placed some views only.
PARTLY = "partly"


def _interval(scale: Scale, metric: Measured) -> str:
    if metric.low is None or metric.high is None:
        return MISSING
    return f"{scale.text(metric.low)} … {scale.text(metric.high)}"


def pose_table(result: PoseResult, title: str) -> Table:
    """The evaluation summary: every metric with its 95 % interval, and what was left out."""
    summary = result.summary
    views = {row.name for row in views_metrics()}
    # What the data has no truth for is said below, and would be half of the table.
    shown = [name for name, one in summary.metrics.items() if name not in views or one.value is not None]
    rows = [
        [label_of(name), scale_of(name).text(metric.value), _interval(scale_of(name), metric)]
        for name in shown
        for metric in [summary.metrics[name]]
    ]
    columns = ["metric", "value", "95 % interval"]
    if result.relative is not None:
        columns.append("by relative poses")
        for row, name in zip(rows, shown, strict=True):
            beside = result.relative.metrics.get(name)
            row.append(scale_of(name).text(beside.value if beside else None))
    counted = "are left out"
    if summary.failures == "penalize":
        counted = "count as 180°" + (" (folded translation: as 90°)" if summary.fold_translation else "")
    undirected = sum(s.error.has_true_direction is False for s in result.samples)
    notes = [
        *result.remarks,
        f"{result.model}, weights: {result.weights}",
        f"{summary.n_valid} of {summary.n_total} samples valid; {summary.n_failed} failed and {counted}",
        f"of all {summary.n_total} samples, "
        + ", ".join(f"{count} are within {limit}°" for limit, count in summary.n_below.items()),
        f"protocol {summary.protocol}, mode {summary.mode}"
        + (", translation folded" if summary.fold_translation else "")
        + f"; intervals: 95 % bootstrap over {summary.drawn}",
    ]
    if undirected:
        notes.append(
            f"{undirected} have no true translation direction and are left out of translation metrics"
        )
    diagnosed = [s for s in result.samples if s.prediction.diagnoses]
    if diagnosed:
        last = diagnosed[-1]
        where, text = next(iter(last.prediction.diagnoses.items()))
        where = f"view {where}" if where.isdigit() else where
        some = f"{len(diagnosed)} samples have" if len(diagnosed) > 1 else "1 sample has"
        notes.append(f"{some} a diagnosis (see summary.md); idx {last.sample.idx}, {where}: {text}")
    differing = why_they_differ(summary, result.relative)
    notes += [differing] if differing else []
    return Table(title, columns, rows, [*notes, *_why_missing(summary), *_of_fewer(result)])


def _why_missing(summary: PoseSummary) -> list[str]:
    """One note per reason for which values or intervals are missing, with the metrics that it concerns."""
    names: dict[str, list[str]] = {}
    for name, metric in summary.metrics.items():
        if metric.reason is not None:
            names.setdefault(metric.reason, []).append(label_of(name))
    return [f"{', '.join(metrics)}: {reason}" for reason, metrics in names.items()]


def _of_fewer(result: PoseResult) -> list[str]:
    """One note per reason for which samples of N views lack a metric that others have."""
    names: dict[tuple[int, str], list[str]] = {}
    for row in views_metrics():
        measured = result.summary.metrics.get(row.name)
        reasons = [s.missing[row.name] for s in result.samples if row.name in s.missing]
        if reasons and measured is not None and measured.value is not None:
            names.setdefault((len(reasons), most_frequent(reasons)), []).append(row.label)
    total = len(result.samples)
    return [
        f"{', '.join(labels)}: {lacking} of {total} samples have none ({why})"
        for (lacking, why), labels in names.items()
    ]


def predictions_table(result: PoseResult, title: str) -> Table:
    """How many samples have cameras, and one row per sample that has none, with the reason."""
    lost = [s for s in result.samples if s.prediction.status != OK]
    rows = [
        ("samples", str(len(result.samples))),
        ("with both cameras", str(len(result.samples) - len(lost))),
    ]
    rows += [(f"idx {s.sample.idx}", f"{s.prediction.status}: {s.reason}") for s in lost]
    notes = [
        *result.remarks,
        f"{result.model}, weights: {result.weights}",
        "no ground truth was read; task=score scores the predictions where there is one",
    ]
    return Table(title, ("what", "value"), rows, notes)


def _status(one: SampleResult) -> str:
    # Of N views some may have been placed.
    partly = one.prediction.status == OK and isinstance(one.sample, SampleViews)
    return PARTLY if partly else one.prediction.status


def failures_table(result: PoseResult) -> Table | None:
    """One row per sample without a result, and why; None if there is none."""
    rows = [
        (str(s.sample.idx), _status(s), str(s.reason)) for s in result.samples if s.error.rotation_deg is None
    ]
    return Table("Samples without a result", ("idx", "status", "reason"), rows) if rows else None


def diagnoses_table(result: PoseResult) -> Table | None:
    """One row per view or sequence with which something was wrong, with or without a result, or None."""
    rows = [
        (str(s.sample.idx), view, s.prediction.status, text)
        for s in result.samples
        for view, text in s.prediction.diagnoses.items()
    ]
    return Table("Diagnoses", ("idx", "view", "sample", "diagnosis"), rows) if rows else None


SAMPLE_COLUMNS = {
    "idx": "idx",
    "status": "status",
    "rotation error": "rotation_error_deg",
    "translation error": "translation_error_deg",
    "true angle": "true_angle_deg",
    "views": "n_views",
    "seconds": "seconds",
    "reason": "reason",
}


def samples_values(result: PoseResult) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of `samples_table` as numbers (degrees, seconds), a missing one as None."""
    records = [sample.row() for sample in result.samples]
    return list(SAMPLE_COLUMNS), [[record[key] for key in SAMPLE_COLUMNS.values()] for record in records]


def samples_table(result: PoseResult) -> Table:
    """One row per sample."""
    columns, values = samples_values(result)
    digits = {"rotation error": 2, "translation error": 2, "true angle": 1, "seconds": 2}

    def cell(column: str, value: Any) -> str:
        if column in digits:
            return number(value, digits[column])
        return "" if value is None else str(value)

    rows = [[cell(column, value) for column, value in zip(columns, row, strict=True)] for row in values]
    return Table("Samples (degrees, seconds)", columns, rows)
