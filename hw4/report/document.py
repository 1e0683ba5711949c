"""Put a report together from a folder of results, and write it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hw4.config import ReportConfig
from hw4.config.decides import POSE, SCORE, SPLAT
from hw4.core.durable import write_bytes, write_json, write_text
from hw4.models.registry import headline_models
from hw4.output.blocks import NOTE, Chart, Document, Folded, Gallery, Numbers, Section, Text
from hw4.output.html import to_html
from hw4.output.markdown import to_markdown
from hw4.output.svg import standalone
from hw4.output.tables import MISSING, Table
from hw4.records.runs import Folder, Run, load_runs
from hw4.records.sweep_table import compare
from hw4.report.sections.overview import overview_section
from hw4.report.sections.pose import MAX_COMPARISONS, comparison_section, failures_section, summary_section
from hw4.report.sections.pose_charts import error_curves, scatter, yaw_chart
from hw4.report.sections.splat import splat_section
from hw4.report.statistics.comparisons import Comparison, all_comparisons
from hw4.report.statistics.confounds import factors, show
from hw4.report.statistics.pairing import SETTING

DATA_FOLDER = "report"
MANIFEST = "files.json"
MAX_MATRIX = 12


@dataclass(frozen=True)
class Written:
    """Where a report lies."""

    html: Path
    markdown: Path
    data: Path


def write_report(path: Path, options: ReportConfig | None = None) -> Written:
    """Write ``report.html``, ``report.md`` and, under ``report/``, the figures and all numbers as CSV.

    Args:
        path: folder of a run or of a sweep, finished or not; only its files are read.
        options: significance level, success threshold, and where to write (`out`; None: into `path`).

    Raises:
        UserError: the folder holds no run, or the report cannot be written.
    """
    options = options or ReportConfig()
    document = build_document(load_runs(path), options)
    out = Path(options.out) if options.out else path
    written = Written(out / "report.html", out / "report.md", out / DATA_FOLDER)
    _write_figures(document.figures(), written.data)
    write_text(written.html, to_html(document, DATA_FOLDER))
    write_text(written.markdown, to_markdown(document, DATA_FOLDER))
    return written


def _write_figures(figures: Sequence[Chart | Gallery | Numbers], folder: Path) -> None:
    """Each figure with its CSV; those of an earlier report that this one no longer has are removed."""
    files: dict[str, bytes] = {}
    for figure in figures:
        files[f"{figure.name}.csv"] = figure.data.csv().encode()
        if isinstance(figure, Chart):
            files[f"{figure.name}.svg"] = standalone(figure.svg).encode()
        elif isinstance(figure, Gallery):
            for picture in figure.pictures:
                files[f"{figure.name}_{picture.name}{picture.suffix}"] = picture.content
    try:
        before = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        before = []
    for name in before:
        if name not in files and Path(str(name)).name == name:
            (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        write_bytes(folder / name, content)
    write_json(folder / MANIFEST, sorted(files))


def build_document(folder: Folder, options: ReportConfig) -> Document:
    """The report of what a folder holds; what is missing is said first."""
    runs = folder.runs
    comparisons = all_comparisons(runs, options.alpha, options.success_deg)
    has_pose = any(run.pose for run in runs)
    has_splat = any(run.splat for run in runs)
    wants_pose = has_pose or any({POSE, SCORE} & set(run.stages) for run in runs)
    wants_splat = has_splat or any(SPLAT in run.stages for run in runs)
    sections = [overview_section(folder, comparisons)]
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
    shown = [c for c in comparisons if c.kind != SETTING][:MAX_COMPARISONS]
    found += [scatter(c, number) for number, c in enumerate(shown)]
    section.blocks += [item for item in found if item is not None]
    if not section.blocks:
        section.blocks.append(Text("No sample has a record.", NOTE))
    models = sorted({(run.pose or {})["model"] for run in with_pose})
    wanted = headline_models()
    if not {spec.name for spec in wanted} <= set(models):
        here = ", ".join(models) or "no model"
        asked = " against ".join(spec.title for spec in wanted)
        section.blocks.append(Text(f"{asked} is missing: results here are of {here}.", NOTE))
    return section


def _config_section(runs: Sequence[Run]) -> Section:
    section = Section("Configuration: every key that differs")
    known = [run for run in runs if run.config]
    comparison = compare([(run.name, {"config": run.config}) for run in known])
    keys = comparison.differing_keys
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
    rows = [
        [k, *(show(row.settings[k]) if k in row.settings else MISSING for row in comparison.jobs)]
        for k in keys
    ]
    notes = []
    if any(MISSING in row for row in rows):
        notes.append(f"{MISSING}: this run's model, input or data has no such key")
    notes.append("left out: where runs are logged and cached, and how this report is made")
    section.blocks.append(Table("Differing keys", ["key", *(r.title for r in known)], rows, notes))
    for stage, found in ((POSE, [r for r in runs if r.pose]), (SPLAT, [r for r in runs if r.splat])):
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
    used = _resources_table(runs)
    if used is not None:
        section.blocks.append(used)
    return section


def _resources_table(runs: Sequence[Run]) -> Table | None:
    """Time and peak memory of each stage."""

    def megabytes(count: int | None) -> str:
        return MISSING if count is None else f"{count / 2**20:.0f}"

    rows = [
        [
            run.name,
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
    return Table("Time and peak memory", ["job", "stage", "seconds", "MB", "MB on the GPU"], rows, notes)
