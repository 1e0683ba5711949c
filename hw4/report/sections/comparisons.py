"""The report's section of pose comparisons."""

from collections.abc import Sequence

from hw4.core.scale import DEGREES, MISSING, Scale
from hw4.metrics import label_of, scale_of
from hw4.output.blocks import NOTE, VERDICT, WARNING, Numbers, Section, Text
from hw4.output.tables import Table
from hw4.pose.metrics import NO_DIRECTION
from hw4.records.run import Run
from hw4.report.answers import answer, evidence
from hw4.report.changes import what_changed, what_it_does_not_show
from hw4.report.findings import Findings
from hw4.report.questions import question, short_names, title_of
from hw4.report.sections.comparisons_csv import NAME, comparisons_data
from hw4.report.statistics.comparisons import Comparison
from hw4.report.statistics.paired import Delta
from hw4.report.statistics.shared_samples import MEANS
from hw4.report.words import counted, interval_text, p_equals

MAX_COMPARISONS = 24


def comparison_section(findings: Findings) -> Section | None:
    """Each comparison: verdict, warning, table of changes."""
    if not findings.asks_pose:
        return None
    section = Section("Pose: comparisons")
    comparisons, alpha = findings.comparisons, findings.options.alpha
    if not comparisons:
        section.blocks.append(Text(_why_none(findings.runs), NOTE))
        return section
    if len(comparisons) > MAX_COMPARISONS:
        shown = f"The first {MAX_COMPARISONS} of {len(comparisons)} comparisons are shown."
        section.blocks.append(Text(shown, NOTE))
    for c in comparisons[:MAX_COMPARISONS]:
        lead = f"{question(c)} {answer(c)}"
        section.blocks.append(Text(evidence(c, alpha), VERDICT, lead))
        if c.changes.deltas:
            section.blocks.append(Text(what_changed(c), lead="What changed."))
            section.blocks.append(Text(what_it_does_not_show(c), lead="What it does not show."))
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


def _why_none(runs: Sequence[Run]) -> str:
    have = sorted({f"{run.pose.model} with input {run.option('input.name')}" for run in runs if run.pose})
    return (
        "Nothing can be compared: interpolated against pair needs both inputs of one model, model against "
        f"model needs two models with one input. Here: {', '.join(have) or 'no pose results'}."
    )


def comparison_table(c: Comparison) -> Table:
    """Metrics of both runs on their shared samples, the change and its interval."""
    a, b = short_names(c)
    rows = [
        [label_of(name), *_cells(scale_of(name), c.changes.deltas[name])]
        if name in c.changes.deltas
        else [label_of(name), *[MISSING] * 4]
        for name in c.changes.names
    ]
    if c.all_penalized is not None:
        rows.append([f"mean, failures as {c.worst_deg:g}°", *_cells(DEGREES, c.all_penalized)])
    n = c.n_shared if c.penalize else c.n_both
    over = f"all {n} shared, failures as {c.worst_deg:g}°" if c.penalize else f"the {n} solved by both"
    notes = [
        f"{c.a.label} ({c.a.name}) → {c.b.label} ({c.b.name}); metrics over {over}; the last row: the "
        f"{MEANS[c.mode]} over all {c.n_shared} shared samples",
        *(f"{label_of(name)} over {k} samples" for name, k in c.changes.counts.items() if k != n),
        *(f"{label_of(name)} is missing: {reason}" for name, reason in c.changes.missing.items()),
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


def _cells(scale: Scale, d: Delta) -> list[str]:
    """The change comes first: on a phone, the last columns lie outside."""
    return [scale.change(d.delta), interval_text(scale, d), scale.text(d.a), scale.text(d.b)]
