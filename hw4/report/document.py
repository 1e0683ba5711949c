"""Put a report together from a folder of results, and write it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hw4.config import ReportConfig
from hw4.durable import write_bytes, write_text
from hw4.report.blocks import NOTE, PLAIN, VERDICT, WARNING, Chart, Document, Folded, Section, Text
from hw4.report.compare import compare
from hw4.report.comparisons import INPUT, MODEL, Comparison, all_comparisons, answer, question
from hw4.report.confounds import show
from hw4.report.html import to_html
from hw4.report.markdown import to_markdown
from hw4.report.pose_charts import error_curves, scatter, yaw_chart
from hw4.report.pose_sections import MAX_COMPARISONS, comparison_section, failures_section, summary_section
from hw4.report.runs import Folder, Run, load_runs
from hw4.report.splat_sections import splat_section
from hw4.report.svg import standalone
from hw4.report.tables import MISSING, Table
from hw4.stages import POSE, SCORE, SPLAT

DATA_FOLDER = "report"


@dataclass(frozen=True)
class Written:
    """Where a report lies."""

    html: Path
    markdown: Path
    data: Path


def write_report(path: Path, options: ReportConfig | None = None) -> Written:
    """Write ``report.html``, ``report.md`` and, under ``report/``, each figure with its CSV.

    Args:
        path: folder of a run or of a sweep, finished or not; only its files are read.
        options: significance level, success threshold, and where to write (`out`; None: into `path`).

    Raises:
        UserError: the folder holds no run, or the report cannot be written.
    """
    options = options or ReportConfig()
    document = build_document(load_runs(path), options)
    out = Path(options.out) if options.out else path
    for figure in document.figures():
        write_text(out / DATA_FOLDER / f"{figure.name}.csv", figure.data.csv())
        if isinstance(figure, Chart):
            write_text(out / DATA_FOLDER / f"{figure.name}.svg", standalone(figure.svg))
        else:
            for picture in figure.pictures:
                name = f"{figure.name}_{picture.name}{picture.suffix}"
                write_bytes(out / DATA_FOLDER / name, picture.content)
    written = Written(out / "report.html", out / "report.md", out / DATA_FOLDER)
    write_text(written.html, to_html(document, DATA_FOLDER))
    write_text(written.markdown, to_markdown(document, DATA_FOLDER))
    return written


def build_document(folder: Folder, options: ReportConfig) -> Document:
    """The report of what a folder holds; what is missing is said first."""
    runs = folder.runs
    comparisons = all_comparisons(runs, options.alpha, options.success_deg)
    has_pose = any(run.pose for run in runs)
    has_splat = any(run.splat for run in runs)
    wants_pose = has_pose or any({POSE, SCORE} & set(run.stages) for run in runs)
    wants_splat = has_splat or any(SPLAT in run.stages for run in runs)
    sections = [_overview(folder, comparisons)]
    if wants_pose:
        sections.append(summary_section(runs))
        sections.append(comparison_section(comparisons, options.alpha, _why_no_comparison(runs)))
        sections.append(_charts_section(runs, comparisons))
        sections.append(failures_section(runs))
    if wants_splat:
        sections.append(splat_section(runs, wants_splat))
    sections += [_config_section(runs), _origin_section(runs)]
    kind = "sweep" if folder.is_sweep else "run"
    return Document(f"Report of {kind} {folder.path.resolve().name}", _subtitle(folder), sections)


def _subtitle(folder: Folder) -> str:
    runs = folder.runs
    states = {
        state: sum(run.status == state for run in runs) for state in dict.fromkeys(r.status for r in runs)
    }
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    found = f"{len(runs)} of {folder.planned} planned" if folder.planned is not None else f"{len(runs)}"
    jobs = f"{found} jobs: {counts or 'none has started'}" if folder.is_sweep else f"Status: {counts}"
    return f"{jobs}. Made from the files in {folder.path.resolve()}."


def _missing(folder: Folder) -> list[str]:
    """What a whole run or sweep would have had and this one lacks."""
    found = []
    if folder.planned is not None and folder.planned > len(folder.runs):
        lost = folder.planned - len(folder.runs)
        found.append(f"{lost} of {folder.planned} planned jobs never started: the sweep was interrupted")
    if not folder.runs:
        found.append("no job has started")
    for run in folder.runs:
        if run.status != "ok":
            found.append(f"{run.name} is {run.status}: {run.error or 'no reason recorded'}")
        if not run.config:
            found.append(f"{run.name}: its configuration is lost")
        skipped = run.results.get("skipped") or {}
        found += [f"{run.name}: {stage} was skipped: {reason}" for stage, reason in skipped.items()]
        if run.partial:
            total = _expected_samples(run)
            have = len((run.pose or {})["samples"])
            of = f" of {total}" if total else ""
            found.append(f"{run.name}: pose numbers come from the {have}{of} samples that reached the disk")
        wanted = {POSE if stage == SCORE else stage for stage in run.stages} & {POSE, SPLAT}
        here = {POSE: run.pose, SPLAT: run.splat}
        found += [
            f"{run.name}: no {stage} results"
            for stage in sorted(wanted)
            if not here[stage] and stage not in skipped
        ]
        for metric, reason in ((run.splat or {}).get("missing") or {}).items():
            found.append(f"{run.name}: {metric} is missing: {reason}")
    return found


def _expected_samples(run: Run) -> int | None:
    counts = [c for c in (run.option("data.limit"), run.option("data.pairs")) if isinstance(c, int)]
    return min(counts) if run.option("data.name") == "sample" and counts else None


def _overview(folder: Folder, comparisons: Sequence[Comparison]) -> Section:
    section = Section("Overview")
    missing = _missing(folder)
    if missing:
        rows = [[text] for text in missing]
        section.blocks.append(Text("This report is not complete.", WARNING))
        section.blocks.append(Table("What is missing", ["what, and why"], rows))
    for c in [c for c in comparisons if c.kind in (INPUT, MODEL)][:MAX_COMPARISONS]:
        section.blocks.append(Text(f"{question(c)} {answer(c)}", VERDICT))
    confounded = [c for c in comparisons if c.warning]
    if confounded:
        names = "; ".join(f"{c.a.name} and {c.b.name}" for c in confounded)
        text = f"WARNING: more than one factor changes between {names}. Details stand with each comparison."
        section.blocks.append(Text(text, WARNING))
    rows = []
    for run in folder.runs:
        mre = ((run.pose or {}).get("metrics") or {}).get("MRE", {}).get("value")
        psnr = (run.splat or {}).get("psnr")
        rows.append(
            [
                run.name,
                run.label,
                run.status,
                MISSING if mre is None else f"{mre:.3f}°",
                MISSING if psnr is None else f"{psnr:.2f}",
            ]
        )
    section.blocks.append(Table("Runs", ["job", "what", "status", "MRE", "PSNR (dB)"], rows))
    return section


def _why_no_comparison(runs: Sequence[Run]) -> str:
    have = sorted({f"{run.pose['model']} with input {run.option('input.name')}" for run in runs if run.pose})
    return (
        "Nothing can be compared: interpolated against pair needs both inputs of one model, model against "
        f"model needs two models with one input. Here: {', '.join(have) or 'no pose results'}."
    )


def _charts_section(runs: Sequence[Run], comparisons: Sequence[Comparison]) -> Section:
    section = Section("Pose: error by sample")
    with_pose = [run for run in runs if run.pose]
    found = [error_curves(with_pose), yaw_chart(with_pose)]
    shown = [c for c in comparisons if c.kind in (INPUT, MODEL)][:MAX_COMPARISONS]
    found += [scatter(c, number) for number, c in enumerate(shown)]
    section.blocks += [item for item in found if item is not None]
    if not section.blocks:
        section.blocks.append(Text("No sample has a record.", NOTE))
    models = sorted({(run.pose or {})["model"] for run in with_pose})
    if not {"dust3r", "vggt"} <= set(models):
        here = ", ".join(models) or "no model"
        section.blocks.append(Text(f"DUSt3R against VGGT is missing: results here are of {here}.", NOTE))
    return section


def _config_section(runs: Sequence[Run]) -> Section:
    section = Section("Configuration: every key that differs")
    known = [run for run in runs if run.config]
    comparison = compare([(run.name, {"config": run.config}) for run in known])
    keys = comparison.differing_keys
    if len(known) < 2:
        section.blocks.append(Text("One run: nothing to differ from. All values are in its config.yaml."))
        return section
    if not keys:
        section.blocks.append(Text(f"All {len(known)} runs have the same configuration."))
        return section
    rows = [
        [k, *(show(row.settings[k]) if k in row.settings else MISSING for row in comparison.jobs)]
        for k in keys
    ]
    notes = []
    if any(MISSING in row for row in rows):
        notes.append(f"{MISSING}: this run's model, input or data has no such key")
    notes.append("left out: where runs are logged and cached, and how this report is made")
    section.blocks.append(
        Table(f"{len(keys)} differing keys", ["key", *(r.name for r in known)], rows, notes)
    )
    section.blocks.append(
        Text("A comparison that changes more than one of them carries its WARNING where it stands.", PLAIN)
    )
    return section


def _origin_section(runs: Sequence[Run]) -> Section:
    """Command, commit, versions and hardware; equal columns once."""
    section = Section("Where the numbers come from")
    groups: dict[str, tuple[list[str], list[list[str]]]] = {}
    for run in runs:
        p = run.results.get("provenance")
        if not p:
            continue
        dirty = {True: " (with uncommitted changes)", False: "", None: ""}[p.get("git_dirty")]
        rows = [
            ["command", " ".join(["python -m hw4", *p.get("command", [])[1:]])],
            ["commit", f"{show(p.get('git_commit'))}{dirty}"],
            ["Python", show(p.get("python"))],
            ["CPU", f"{show(p.get('cpu'))}, {show(p.get('cpu_count'))} cores"],
            ["GPU", ", ".join(p.get("gpus") or []) or "none seen"],
            ["packages", ", ".join(f"{k} {show(v)}" for k, v in (p.get("packages") or {}).items())],
        ]
        groups.setdefault(json.dumps(rows), ([], rows))[0].append(run.name)
    tables = [Table(", ".join(names), ["what", "value"], rows) for names, rows in groups.values()]
    if tables:
        section.blocks.append(Folded("Command, commit, versions, hardware", tables))
    else:
        section.blocks.append(Text("No run recorded its provenance.", NOTE))
    return section
