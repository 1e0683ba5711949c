"""The report's section on swept keys: what each value does, and the metric against each key."""

from hw4.output.blocks import Folded, Section
from hw4.report.findings import Findings
from hw4.report.sections.effects import effect_texts
from hw4.report.sections.sweep_charts import charts_of
from hw4.report.sweep import swept_stages
from hw4.report.words import counted

SHOWN = 3


def sweep_section(findings: Findings) -> Section | None:
    """The metric against each swept key, and what each value does."""
    section = Section("Sweep")
    for swept in swept_stages(findings):
        charts = charts_of(swept)
        if not charts:
            continue
        answers = effect_texts(swept)
        section.blocks += answers[:SHOWN]
        if answers[SHOWN:]:
            more = counted(len(answers) - SHOWN, "more question")
            section.blocks.append(Folded(f"{more} with answers", answers[SHOWN:]))
        section.blocks += charts
    return section if section.blocks else None
