"""The report's section on configurations: every key that differs."""

from collections.abc import Sequence

from hw4.config.stages import POSE, SPLAT
from hw4.output.blocks import NOTE, Section, Text
from hw4.output.tables import MISSING, Table
from hw4.records.configs import differing_settings
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.statistics.confounds import factors, show

MAX_MATRIX = 7


def configuration_section(findings: Findings) -> Section:
    """Every key in which the runs differ, and how many factors that makes between every two of them."""
    section = Section("Configuration")
    known = [run for run in findings.runs if run.config]
    keys, settings = differing_settings([run.config for run in known])
    if not known:
        section.blocks.append(Text("No run here has a configuration.", NOTE))
        return section
    if len(known) == 1:
        name = known[0].name
        text = f"One configuration, that of {name}: nothing to differ from. Its config.yaml has all values."
        section.blocks.append(Text(text))
        return section
    if not keys:
        section.blocks.append(Text(f"All {len(known)} runs have the same configuration."))
        return section
    rows = [[k, *(show(own[k]) if k in own else MISSING for own in settings)] for k in keys]
    notes = []
    if any(MISSING in row for row in rows):
        notes.append(f"{MISSING}: this run's model, input or data has no such key")
    notes.append("left out: where runs are logged and cached, and how this report is made")
    table = Table("Differing keys", ["key", *(r.title for r in known)], rows, notes)
    section.blocks.append(table if len(known) < MAX_MATRIX else table.transposed())
    for stage, found in ((POSE, findings.with_pose), (SPLAT, findings.with_splat)):
        if 2 < len(found) <= MAX_MATRIX:
            section.blocks.append(_factor_matrix(found, stage))
    text = "A comparison that changes more than one factor carries its WARNING where it stands."
    section.blocks.append(Text(text))
    return section


def _factor_matrix(runs: Sequence[Run], stage: str) -> Table:
    """How many factors change between every two runs."""
    rows = [[a.title, *("" if a is b else str(len(factors(a, b, stage))) for b in runs)] for a in runs]
    notes = ["1: whatever changes has one cause; 2 or more: it has no single cause; 0: the same setting"]
    return Table(
        f"Factors that change between two runs ({stage})", ["", *(b.title for b in runs)], rows, notes
    )
