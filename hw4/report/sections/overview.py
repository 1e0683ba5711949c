"""The report's first section: what is missing, what was answered, which runs there are."""

from collections.abc import Sequence

from hw4.config.stages import POSE, SCORE, SPLAT
from hw4.metrics import pose_headline, splat_headline
from hw4.output.blocks import VERDICT, WARNING, Section, Text
from hw4.output.tables import Table
from hw4.records.files import OK
from hw4.records.run import Run
from hw4.records.runs import Folder
from hw4.report.answers import answer, difference
from hw4.report.findings import Findings
from hw4.report.questions import question
from hw4.report.statistics.confounds import factors, is_confounded
from hw4.report.statistics.pairing import BOUND, SETTING

MAX_ANSWERS = 24


def missing(folder: Folder) -> list[tuple[str, str]]:
    """(what and why, which runs) for everything that a whole run or sweep would have had."""
    found: dict[str, list[str]] = {}

    def add(text: str, who: str) -> None:
        found.setdefault(text, []).append(who)

    if folder.planned is not None and folder.planned > len(folder.runs):
        lost = folder.planned - len(folder.runs)
        add(f"{lost} of {folder.planned} planned jobs never started: the sweep was interrupted", "sweep")
    if not folder.runs:
        add("no job has started", "sweep")
    for run in folder.runs:
        if run.status != OK:
            add(f"{run.status}: {run.error or 'no reason recorded'}", run.name)
        for text in run.unusable:
            add(text, run.name)
        if not run.config:
            add("the configuration is lost", run.name)
        skipped = run.results.get("skipped") or {}
        for stage, reason in skipped.items():
            add(f"{stage} was skipped: {reason}", run.name)
        if run.partial and run.pose:
            total = _expected_samples(run)
            have = len(run.pose.samples)
            of = f" of {total}" if total else ""
            add(f"pose numbers come from the {have}{of} samples that reached the disk", run.name)
        wanted = {POSE if stage == SCORE else stage for stage in run.stages} & {POSE, SPLAT}
        here = {POSE: run.pose, SPLAT: run.splat}
        for stage in sorted(wanted):
            if not here[stage] and stage not in skipped:
                add(f"no {stage} results", run.name)
        for name, metric in (run.pose.summary.metrics if run.pose else {}).items():
            if metric.value is None:
                add(f"{name}: {metric.reason or 'no reason recorded'}", run.name)
        for name, reason in (run.splat.missing if run.splat else {}).items():
            add(f"{name.upper()}: {reason}", run.name)
    return [(text, ", ".join(dict.fromkeys(who))) for text, who in found.items()]


def _expected_samples(run: Run) -> int | None:
    counts = [c for c in (run.option("data.limit"), run.option("data.pairs")) if isinstance(c, int)]
    return min(counts) if run.option("data.name") == "sample" and counts else None


def overview_section(findings: Findings) -> Section:
    """What a reader in a hurry needs."""
    folder, comparisons = findings.folder, findings.comparisons
    section = Section("Overview")
    lost = missing(folder)
    if lost:
        section.blocks.append(Text("Something is missing from these results.", WARNING))
        section.blocks.append(Table("What is missing", ["what, and why", "where"], lost))
    # An oracle answers one question only: how far from the bound a method is.
    asked = [c for c in comparisons if c.kind != SETTING and (c.kind == BOUND or not c.oracles)]
    for c in asked[:MAX_ANSWERS]:
        section.blocks.append(Text(f"{answer(c)} {difference(c)}".strip(), VERDICT, question(c)))
    confounded = [(c.a, c.b) for c in comparisons if c.warning]
    splats = findings.with_splat
    confounded += [(splats[0], run) for run in splats[1:] if is_confounded(factors(splats[0], run, SPLAT))]
    if confounded:
        names = "; ".join(dict.fromkeys(f"{a.title} and {b.title}" for a, b in confounded))
        text = f"WARNING: more than one factor changes between {names}. Details stand with each comparison."
        section.blocks.append(Text(text, WARNING))
    section.blocks.append(_runs_table(folder.runs))
    return section


def _runs_table(runs: Sequence[Run]) -> Table:
    columns: dict[str, list[str]] = {
        "job": [run.name for run in runs],
        "status": [run.status for run in runs],
    }
    if any(run.label != run.name for run in runs):
        columns["what"] = [run.label for run in runs]
    if any(run.pose for run in runs):
        row = pose_headline()
        columns[row.title] = [
            row.scale.text(value) + " (partial)" * (run.partial and value is not None)
            for run in runs
            for value in [run.value(row)]
        ]
    if any(run.splat for run in runs):
        headline = splat_headline()
        columns[headline.title] = [headline.scale.text(run.value(headline)) for run in runs]
    return Table("Runs", list(columns), list(zip(*columns.values(), strict=True)))
