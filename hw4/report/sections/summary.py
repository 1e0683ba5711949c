"""The report's section of pose summaries."""

from hw4.output.blocks import NOTE, Section, Text
from hw4.output.tables import MISSING, Table, format_metric
from hw4.report.findings import Findings


def summary_section(findings: Findings) -> Section | None:
    """Every pose run's metrics with intervals, exactly as its results.json has them."""
    if not findings.asks_pose:
        return None
    section = Section("Pose: evaluation summaries")
    with_pose = findings.with_pose
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
