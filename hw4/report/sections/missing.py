"""The report's section on what a whole run or sweep would have had besides."""

from hw4.config.stages import POSE, SCORE, SPLAT
from hw4.output.blocks import Section
from hw4.output.tables import Table
from hw4.records.files import OK
from hw4.records.run import Run
from hw4.records.runs import Folder
from hw4.report.findings import Findings
from hw4.report.words import who


def missing_section(findings: Findings) -> Section | None:
    """What is missing and why, once; None where nothing is."""
    lost = missing(findings.folder)
    if not lost:
        return None
    section = Section("What is missing")
    section.blocks.append(Table("What is missing", ["what, and why", "where"], lost))
    return section


def missing(folder: Folder) -> list[tuple[str, str]]:
    """(what and why, which runs) for everything that a whole run or sweep would have had."""
    found: dict[str, list[str]] = {}

    def add(text: str, *names: str) -> None:
        found.setdefault(text, []).extend(names)

    if folder.planned is not None and folder.planned > len(folder.runs):
        lost = folder.planned - len(folder.runs)
        add(f"{lost} of {folder.planned} planned jobs never started: the sweep was interrupted", "sweep")
    if not folder.runs:
        add("no job has started", "sweep")
    for run in folder.runs:
        for text in _lacks(run):
            add(text, run.title)
    every = [run.title for run in folder.runs]
    return [(text, who(names, every)) for text, names in found.items()]


def _lacks(run: Run) -> list[str]:
    found = []
    if run.status != OK:
        found.append(f"{run.status}: {run.error or 'no reason recorded'}")
    found += run.unusable
    if not run.config:
        found.append("the configuration is lost")
    skipped = run.results.get("skipped") or {}
    found += [f"{stage} was skipped: {reason}" for stage, reason in skipped.items()]
    if run.partial and run.pose:
        total = _expected_samples(run)
        of = f" of {total}" if total else ""
        found.append(f"pose numbers come from the {len(run.pose.samples)}{of} samples that reached the disk")
    wanted = {POSE if stage == SCORE else stage for stage in run.stages} & {POSE, SPLAT}
    here = {POSE: run.pose, SPLAT: run.splat}
    found += [f"no {stage} results" for stage in sorted(wanted) if not here[stage] and stage not in skipped]
    for name, metric in (run.pose.summary.metrics if run.pose else {}).items():
        if metric.value is None:
            found.append(f"{name}: {metric.reason or 'no reason recorded'}")
    for name, reason in (run.splat.missing if run.splat else {}).items():
        found.append(f"{name.upper()}: {reason}")
    return found


def _expected_samples(run: Run) -> int | None:
    counts = [c for c in (run.option("data.limit"), run.option("data.pairs")) if isinstance(c, int)]
    return min(counts) if run.option("data.name") == "sample" and counts else None
