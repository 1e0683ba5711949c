"""The report's last section: where the numbers come from, and what they took."""

import json
from collections.abc import Sequence
from typing import Any

from hw4.output.blocks import NOTE, Folded, Section, Text
from hw4.output.tables import MISSING, Table
from hw4.records.runs import Run
from hw4.report.findings import Findings
from hw4.report.statistics.confounds import show


def origin_section(findings: Findings) -> Section:
    """Command, commit, versions and hardware; equal columns once."""
    section = Section("Origin")
    groups: dict[str, tuple[list[str], list[list[str]]]] = {}
    for run in findings.runs:
        p = run.results.get("provenance")
        if not p:
            continue
        dirty = {True: " (with uncommitted changes)", False: "", None: ""}[p.get("git_dirty")]
        upstream = p.get("upstream")
        rows = [
            ["command", " ".join(["python -m hw4", *p.get("command", [])[1:]])],
            ["commit", f"{show(p.get('git_commit'))}{dirty}"],
            *_wheel_row(p.get("wheel")),
            ["Python", show(p.get("python"))],
            ["CPU", f"{show(p.get('cpu'))}, {show(p.get('cpu_count'))} cores"],
            ["GPU", ", ".join(p.get("gpus") or []) or "none seen"],
            ["packages", ", ".join(f"{k} {show(v)}" for k, v in (p.get("packages") or {}).items())],
            *([["sources of models", ", ".join(map(" ".join, upstream.items()))]] if upstream else []),
        ]
        groups.setdefault(json.dumps(rows), ([], rows))[0].append(run.label)
    alone = len(groups) == 1 and len(findings.runs) > 1
    tables = [
        Table("All runs" if alone else "; ".join(labels), ["what", "value"], rows)
        for labels, rows in groups.values()
    ]
    if tables:
        section.blocks.append(Folded("Command, commit, versions, hardware", tables))
    else:
        section.blocks.append(Text("No run recorded its provenance.", NOTE))
    used = _resources_table(findings.runs)
    if used is not None:
        section.blocks.append(used)
    return section


def _wheel_row(wheel: dict[str, Any] | None) -> list[list[str]]:
    """What was installed, where it was."""
    if not wheel:
        return []
    sha256 = f", sha256 {wheel['sha256']}" if wheel.get("sha256") else ""
    return [["wheel", f"hw4 {show(wheel.get('version'))}, content {show(wheel.get('content'))}{sha256}"]]


def _resources_table(runs: Sequence[Run]) -> Table | None:
    """Time and peak memory of each stage."""

    def megabytes(count: int | None) -> str:
        return MISSING if count is None else f"{count / 2**20:.0f}"

    rows = [
        [
            run.label,
            stage,
            f"{used['seconds']:.1f}",
            megabytes(used.get("host_bytes")) + " †" * bool(used.get("since_start")),
            megabytes(used.get("cuda_bytes")),
        ]
        for run in runs
        for stage, used in (run.results.get("resources") or {}).items()
    ]
    if not rows:
        return None
    notes = ["as run: what came from the cache took no longer; memory with Python and its libraries"]
    if any(row[3].endswith("†") for row in rows):
        notes.append("†: since the process began, for this system cannot measure a part of it")
    return Table("Time and peak memory", ["run", "stage", "seconds", "MB", "MB on the GPU"], rows, notes)
