"""The report's section on samples without a result, and on diagnoses."""

import re
from collections import defaultdict
from collections.abc import Sequence

from hw4.output.blocks import NOTE, Folded, Section, Text
from hw4.output.tables import Table, number
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.words import counted

MAX_LISTED = 200
# More runs than this are counted.
MAX_COLUMNS = 7


def reason_class(reason: str | None) -> str:
    """A failure's reason without the numbers and names that belong to one sample alone."""
    if not reason:
        return "no reason recorded"
    text = re.sub(r"\S+\.(?:png|jpe?g|webp|bmp|tiff?)\b", "<photo>", reason, flags=re.IGNORECASE)
    return re.sub(r"(?<![\w.@=])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])", "N", text)


def failures_section(findings: Findings) -> Section | None:
    """How many samples failed in which run and why, then each of them; then diagnoses of solved samples."""
    if not findings.asks_pose:
        return None
    section = Section("Pose: failures")
    with_pose = findings.with_pose
    if not with_pose:
        section.blocks.append(Text("No run here has pose results.", NOTE))
        return section
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    listed, diagnosed = [], []
    for run in with_pose:
        for one in run.pose.samples if run.pose else ():
            idx, status = str(one.sample.idx), one.prediction.status
            if one.error.rotation_deg is None:
                counts[reason_class(one.reason)][run.name] += 1
                width, reason = number(one.true_angle_deg, 1), one.reason or "no reason recorded"
                listed.append([run.label, idx, status, width, reason])
            for view, text in one.prediction.diagnoses.items():
                diagnosed.append([run.label, idx, view, status, text])
    if listed:
        section.blocks.append(_by_reason(counts, with_pose))
        columns = ["run", "idx", "status", "true angle (°)", "reason"]
        section.blocks.append(
            Folded(counted(len(listed), "failed sample"), [_list("Failed", columns, listed)])
        )
    else:
        total = sum(run.pose.summary.n_total for run in with_pose if run.pose)
        section.blocks.append(Text(f"No sample failed: all {total} records have a result."))
    if diagnosed:
        columns = ["run", "idx", "view", "sample", "diagnosis"]
        title = f"{len(diagnosed)} {'diagnosis' if len(diagnosed) == 1 else 'diagnoses'}"
        section.blocks.append(Folded(title, [_list("Diagnoses", columns, diagnosed)]))
    return section


def _by_reason(counts: dict[str, dict[str, int]], runs: Sequence[Run]) -> Table:
    """How many samples failed for each reason: in each run, or where those are many, in all of them."""
    title, reason = "Samples without a result, by reason", "reason (N: a number)"
    ordered = sorted(counts.items(), key=lambda item: -sum(item[1].values()))
    if len(runs) > MAX_COLUMNS:
        labels = {run.name: run.label for run in runs}
        rows = []
        for why, by_run in ordered:
            most = labels[max(by_run, key=by_run.__getitem__)]
            rows.append([why, str(sum(by_run.values())), f"{len(by_run)} of {len(runs)}", most])
        return Table(title, [reason, "samples", "runs", "most often in"], rows)
    rows = [[why, *(str(by_run.get(run.name, 0)) for run in runs)] for why, by_run in ordered]
    rows.append(["all", *(str(sum(one.get(run.name, 0) for one in counts.values())) for run in runs)])
    return Table(title, [reason, *(run.label for run in runs)], rows)


def _list(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    cut = len(rows) - MAX_LISTED
    notes = [f"{cut} more are in the runs' samples.csv"] if cut > 0 else []
    return Table(title, columns, rows[:MAX_LISTED], notes)
