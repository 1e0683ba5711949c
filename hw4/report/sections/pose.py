"""The report's sections on pose: summaries, comparisons, failures."""

import re
from collections import defaultdict
from collections.abc import Sequence

from hw4.output.blocks import NOTE, VERDICT, WARNING, Folded, Numbers, Section, Text
from hw4.output.tables import MISSING, Table, format_metric, number
from hw4.records.runs import NO_DIRECTION, Run
from hw4.report.answers import answer, evidence
from hw4.report.questions import question, short_names, title_of
from hw4.report.sections.comparison_data import NAME, comparisons_data
from hw4.report.statistics.comparisons import Comparison
from hw4.report.statistics.paired import Delta
from hw4.report.statistics.shared_samples import MEANS
from hw4.report.words import (
    change_text,
    counted,
    interval_text,
    metric_text,
    p_equals,
)

MAX_COMPARISONS = 24
MAX_LISTED = 200


def summary_section(runs: Sequence[Run]) -> Section:
    """Every pose run's metrics with intervals, exactly as its results.json has them."""
    section = Section("Pose: evaluation summaries")
    with_pose = [run for run in runs if run.pose]
    if not with_pose:
        section.blocks.append(Text("No run here has pose results.", NOTE))
        return section
    names = list(dict.fromkeys(name for run in with_pose for name in (run.pose or {})["metrics"]))
    rows: list[list[str]] = [["weights"], ["valid samples"]]
    limits = list(dict.fromkeys(t for run in with_pose for t in (run.pose or {})["n_below"]))
    rows += [[f"below {limit}°, of all"] for limit in limits]
    rows += [[name] for name in names]
    notes = []
    for run in with_pose:
        pose = run.pose or {}
        rows[0].append(str(pose["weights"]))
        rows[1].append(f"{pose['n_valid']}/{pose['n_total']}")
        for row, limit in zip(rows[2:], limits, strict=False):
            row.append(f"{pose['n_below'].get(limit, MISSING)}/{pose['n_total']}")
        for row, name in zip(rows[2 + len(limits) :], names, strict=True):
            metric = pose["metrics"].get(name) or {}
            cell = format_metric(name, metric.get("value"))
            if metric.get("low") is not None:
                cell += f" [{_plain(name, metric['low'])}, {_plain(name, metric['high'])}]"
            row.append(cell)
            if metric.get("value") is None:
                notes.append(
                    f"{run.label}: {name} is missing: {metric.get('reason') or 'no reason recorded'}"
                )
        notes += [f"{run.label}: {remark}" for remark in pose.get("remarks", [])]
        if run.partial:
            notes.append(f"{run.label} is partial: computed from the {pose['n_total']} samples on disk")
    kinds = {(p["protocol"], p["mode"], p["failures"]) for run in with_pose if (p := run.pose)}
    notes += [f"protocol {a}, errors of mode {b}, failures: {c}" for a, b, c in sorted(kinds)]
    notes.append("brackets: 95 % bootstrap intervals over samples")
    columns = ["metric", *(f"{run.label}{' (partial)' if run.partial else ''}" for run in with_pose)]
    section.blocks.append(Table("Every pose run", columns, rows, notes))
    return section


def _plain(name: str, value: float) -> str:
    if name in ("MRE", "MTE"):
        return f"{value:.1f}"
    return f"{100 * value:.0f}" if name.startswith("Acc") else f"{value:.3f}"


def comparison_section(comparisons: Sequence[Comparison], alpha: float, why_none: str) -> Section:
    """Each comparison: verdict, warning, table of changes."""
    section = Section("Pose: comparisons")
    if not comparisons:
        section.blocks.append(Text(why_none, NOTE))
        return section
    if len(comparisons) > MAX_COMPARISONS:
        shown = f"The first {MAX_COMPARISONS} of {len(comparisons)} comparisons are shown."
        section.blocks.append(Text(shown, NOTE))
    for c in comparisons[:MAX_COMPARISONS]:
        lead = f"{question(c)} {answer(c)}"
        section.blocks.append(Text(evidence(c, alpha), VERDICT, lead))
        if c.warning:
            section.blocks.append(Text(c.warning, WARNING))
        if c.oracles:
            text = f"WARNING: {', '.join(c.oracles)} picks by the ground truth: an upper bound, not a method."
            section.blocks.append(Text(text, WARNING))
        if c.environment:
            changed = "; ".join(c.environment)
            section.blocks.append(Text(f"Also different, outside the configuration: {changed}.", NOTE))
        if c.n_shared:
            section.blocks.append(comparison_table(c))
    text = "Every comparison with its changes, intervals, counts and p-values, at full precision:"
    section.blocks.append(Numbers(NAME, text, comparisons_data(comparisons, alpha)))
    return section


def comparison_table(c: Comparison) -> Table:
    """Metrics of both runs on their shared samples, the change and its interval."""
    a, b = short_names(c)
    rows = [
        [name, *_cells(name, c.changes.deltas[name])] if name in c.changes.deltas else [name, *[MISSING] * 4]
        for name in c.changes.names
    ]
    if c.all_penalized is not None:
        rows.append([f"mean, failures as {c.worst_deg:g}°", *_cells("MRE", c.all_penalized)])
    n = c.n_shared if c.penalize else c.n_both
    over = f"all {n} shared, failures as {c.worst_deg:g}°" if c.penalize else f"the {n} solved by both"
    notes = [
        f"{c.a.label} ({c.a.name}) → {c.b.label} ({c.b.name}); metrics over {over}; the last row: the "
        f"{MEANS[c.mode]} over all {c.n_shared} shared samples",
        *(f"{name} over {k} samples" for name, k in c.changes.counts.items() if k != n),
        *(f"{name} is missing: {reason}" for name, reason in c.changes.missing.items()),
        f"sign test: {p_equals(c.sign.p)}, unadjusted, n = {c.sign.n}"
        if c.sign.p is not None
        else f"no sign test: {c.sign.reason}",
    ]
    if c.n_undirected:
        notes.append(f"{counted(c.n_undirected, 'shared sample')} left out: {NO_DIRECTION}")
    if c.n_unmatched:
        notes.append(f"{counted(c.n_unmatched, 'record')} left out: only one of the two runs has the sample")
    differing = "; ".join(map(str, c.factors)) or "nothing that the pose stage reads"
    notes.append(f"what differs: {differing}")
    return Table(f"{title_of(c)}: metrics", ["metric", "change", "95 % interval", a, b], rows, notes)


def _cells(name: str, d: Delta) -> list[str]:
    """The change comes first: on a phone, the last columns lie outside."""
    return [
        change_text(name, d.delta),
        interval_text(name, d),
        metric_text(name, d.a),
        metric_text(name, d.b),
    ]


def reason_class(reason: str | None) -> str:
    """A failure's reason without the numbers and names that belong to one sample alone."""
    if not reason:
        return "no reason recorded"
    text = re.sub(r"\S+\.(?:png|jpe?g|webp|bmp|tiff?)\b", "<photo>", reason, flags=re.IGNORECASE)
    return re.sub(r"(?<![\w.@=])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])", "N", text)


def failures_section(runs: Sequence[Run]) -> Section:
    """How many samples failed in which run and why, then each of them; then diagnoses of solved samples."""
    section = Section("Pose: failures")
    with_pose = [run for run in runs if run.pose]
    if not with_pose:
        section.blocks.append(Text("No run here has pose results.", NOTE))
        return section
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    listed, diagnosed = [], []
    for run in with_pose:
        for sample in (run.pose or {})["samples"]:
            idx = str(sample["idx"])
            if sample["rotation_error_deg"] is None:
                counts[reason_class(sample["reason"])][run.name] += 1
                reason = sample["reason"] or "no reason recorded"
                width = number(sample.get("true_angle_deg"), 1)
                listed.append([run.label, idx, sample["status"], width, reason])
            for view, text in (sample.get("diagnoses") or {}).items():
                diagnosed.append([run.label, idx, view, sample["status"], text])
    if listed:
        rows = [
            [reason, *(str(by_run.get(run.name, 0)) for run in with_pose)]
            for reason, by_run in sorted(counts.items(), key=lambda item: -sum(item[1].values()))
        ]
        totals = [str(sum(by_run.get(run.name, 0) for by_run in counts.values())) for run in with_pose]
        rows.append(["all", *totals])
        columns = ["reason (N: a number)", *(run.label for run in with_pose)]
        section.blocks.append(Table("Samples without a result, by reason", columns, rows))
        columns = ["run", "idx", "status", "true angle (°)", "reason"]
        section.blocks.append(
            Folded(counted(len(listed), "failed sample"), [_list("Failed", columns, listed)])
        )
    else:
        total = sum((run.pose or {})["n_total"] for run in with_pose)
        section.blocks.append(Text(f"No sample failed: all {total} records have a result."))
    if diagnosed:
        columns = ["run", "idx", "view", "sample", "diagnosis"]
        title = f"{len(diagnosed)} {'diagnosis' if len(diagnosed) == 1 else 'diagnoses'}"
        section.blocks.append(Folded(title, [_list("Diagnoses", columns, diagnosed)]))
    return section


def _list(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    cut = len(rows) - MAX_LISTED
    notes = [f"{cut} more are in the runs' samples.csv"] if cut > 0 else []
    return Table(title, columns, rows[:MAX_LISTED], notes)
