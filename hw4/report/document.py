"""Put a report together from a folder of results, and write it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hw4.config import ReportConfig
from hw4.core.durable import parse_json, write_bytes, write_json, write_text
from hw4.output.blocks import Cards, Chart, Document, Figure, Gallery, pictures_of
from hw4.output.figures import PAPER
from hw4.output.html import to_html
from hw4.output.latex import latex
from hw4.output.markdown import to_markdown
from hw4.output.paper import rendered
from hw4.output.svg import standalone
from hw4.records.files import REPORT_HTML, REPORT_MARKDOWN
from hw4.records.runs import Folder, load_runs
from hw4.report.findings import find
from hw4.report.sections.comparisons import comparison_section
from hw4.report.sections.configuration import configuration_section
from hw4.report.sections.extremes import extremes_section
from hw4.report.sections.failures import failures_section
from hw4.report.sections.missing import missing_section
from hw4.report.sections.origin import origin_section
from hw4.report.sections.overview import overview_section
from hw4.report.sections.pose_charts import charts_section
from hw4.report.sections.splat import splat_section
from hw4.report.sections.summary import summary_section
from hw4.report.sections.sweep import sweep_section

# In the order in which a reader needs them; each makes its section of `Findings`, or None.
SECTIONS = (
    overview_section,
    sweep_section,
    missing_section,
    summary_section,
    comparison_section,
    charts_section,
    extremes_section,
    failures_section,
    splat_section,
    configuration_section,
    origin_section,
)
# What the answer stands on: of many runs, it is there on request.
MANY = 8
DETAILS = (
    *("Pose: summaries", "Pose: comparisons", "Pose: samples", "Pose: worst and best", "Pose: failures"),
    *("Splatting", "Configuration", "Origin"),
)
DATA_FOLDER = "report"
MANIFEST = "files.json"


@dataclass(frozen=True)
class Written:
    """Where a report lies."""

    html: Path
    markdown: Path
    data: Path

    @property
    def paths(self) -> list[Path]:
        """All of it: what the pages show lies in the folder."""
        return [path for path in (self.html, self.markdown, self.data) if path.exists()]


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
    written = Written(out / REPORT_HTML, out / REPORT_MARKDOWN, out / DATA_FOLDER)
    files = _files(document.figures())
    if options.style == PAPER:
        files |= paper_files(document)
    _write_files(files, written.data)
    write_text(written.html, to_html(document, DATA_FOLDER))
    write_text(written.markdown, to_markdown(document, DATA_FOLDER))
    return written


def _files(figures: Sequence[Figure]) -> dict[str, bytes]:
    """Each figure with its CSV, by name."""
    files: dict[str, bytes] = {}
    for figure in figures:
        files[f"{figure.name}.csv"] = figure.data.csv().encode()
        if isinstance(figure, Chart):
            files[f"{figure.name}.svg"] = standalone(figure.svg).encode()
        elif isinstance(figure, Gallery | Cards):
            for picture in pictures_of(figure):
                files[f"{figure.name}_{picture.name}{picture.suffix}"] = picture.content
    return files


def paper_files(document: Document) -> dict[str, bytes]:
    """The drawings for print and every table as LaTeX and CSV, by name below the report's folder."""
    files: dict[str, bytes] = {}
    for figure in document.figures():
        if isinstance(figure, Chart) and figure.plot is not None:
            drawn = rendered(figure.plot)
            files |= {f"{PAPER}/{figure.name}.{kind}": content for kind, content in drawn.items()}
    for table in document.tables():
        stem = base = re.sub(r"\W+", "_", table.title).strip("_").lower()[:60] or "table"
        number = 1
        while f"{PAPER}/{stem}.tex" in files:
            number += 1
            stem = f"{base}_{number}"
        files[f"{PAPER}/{stem}.tex"] = latex(table).encode()
        files[f"{PAPER}/{stem}.csv"] = table.csv().encode()
    return files


def _write_files(files: dict[str, bytes], folder: Path) -> None:
    """Write files; those of an earlier report that this one no longer has are removed."""
    try:
        before = parse_json((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        before = []
    for name in before:
        if name not in files and str(name).removeprefix(f"{PAPER}/") == Path(str(name)).name:
            (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        write_bytes(folder / name, content)
    write_json(folder / MANIFEST, sorted(files))


def build_document(folder: Folder, options: ReportConfig) -> Document:
    """The report of what a folder holds: the answer first, then what is missing, then what both stand on."""
    findings = find(folder, options)
    sections = [section for make in SECTIONS if (section := make(findings)) is not None]
    if len(findings.runs) > MANY:
        sections = [replace(one, folded=one.title in DETAILS) for one in sections]
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
    return f"{jobs}."
