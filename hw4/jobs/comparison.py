"""The comparison that a sweep ends with."""

from collections.abc import Sequence
from pathlib import Path

from hw4.core.durable import write_json, write_text
from hw4.output.sweep_table import comparison_table
from hw4.output.tables import Table
from hw4.records.comparison import Job, compare
from hw4.records.files import COMPARISON, OK, SAME_VIEW
from hw4.records.runs import load_runs

# More jobs than this stand below each other, as rows.
WIDE_JOBS = 6


def write_comparison(sweep_dir: Path) -> tuple[Table, bool]:
    """Write ``comparison.{md,csv,json}`` into a sweep folder, and one test view under all splat settings.

    Returns:
        the table, and whether every job succeeded.

    Raises:
        UserError: no job of the sweep left anything, or the files cannot be written.
    """
    runs = load_runs(sweep_dir).runs
    comparison = compare(runs)
    table = comparison_table(comparison, f"Comparison of {len(runs)} jobs")
    for_people = table.transposed() if len(runs) <= WIDE_JOBS else table
    write_text(sweep_dir / f"{COMPARISON}.md", for_people.markdown())
    write_text(sweep_dir / f"{COMPARISON}.csv", table.csv())
    write_json(sweep_dir / f"{COMPARISON}.json", comparison.to_json())
    _write_strip(sweep_dir, comparison.jobs)
    return for_people, all(run.status == OK for run in runs)


def _write_strip(sweep_dir: Path, jobs: Sequence[Job]) -> None:
    splats = [
        (str(job.run.option("name") or f"job {job.name}"), job.run.splat) for job in jobs if job.run.splat
    ]
    if len(splats) < 2:
        return
    from hw4.output.figures import save_figure
    from hw4.report.sections.splat_views import settings_strip

    strip = settings_strip(splats, jobs[0].run.option("report.view"))
    if strip is not None:
        save_figure(strip[1], sweep_dir / SAME_VIEW)
