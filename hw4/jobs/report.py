"""`task=report`, and the report that a run or a sweep ends with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from hw4.config import Config, ReportConfig
from hw4.config.stages import REPORT, selected_rows
from hw4.core.errors import UserError
from hw4.jobs.context import JobContext

if TYPE_CHECKING:
    from hw4.report.document import Written


def run_report(context: JobContext) -> list[str]:
    """Write the report of the folder `report.dir`.

    Raises:
        UserError: no folder is given, it holds no run, or the report cannot be written.
    """
    from hw4.report.document import write_report

    options = context.config.report
    if options.dir is None:
        raise UserError("task=report needs report.dir=<folder of a finished run or sweep>.")
    written = write_report(Path(options.dir).expanduser(), options)
    context.results[REPORT] = {"html": str(written.html), "markdown": str(written.markdown)}
    context.console.print(
        f"Report: {written.html} (.md, {written.data.name}/)", soft_wrap=True, highlight=False
    )
    return []


def _recorded(folder: Path) -> list[Config]:
    from hw4.records.runs import load_runs

    try:
        return [run.typed for run in load_runs(folder).runs if run.typed is not None]
    except UserError:
        return []


def report_at_the_end(folder: Path, configs: Sequence[Config], console: Console) -> "Written | None":
    """Write a report into a finished folder; whatever goes wrong is a warning, for the results are there.

    Args:
        folder: of a run or a sweep.
        configs: of its jobs, as far as known before they ran; else those that the jobs recorded count.
            Nothing is written where none of them evaluates anything.
        console: gets the path, or the warning.

    Returns:
        where the report is, or None where there is none.
    """
    # A search composes its jobs while it runs: what they were is in their folders.
    configs = configs or _recorded(folder)
    options = configs[0].report if configs else ReportConfig()
    reported = any(row.reported for config in configs for row in selected_rows(config))
    if not options.auto or (configs and not reported):
        return None
    try:
        from hw4.report.document import write_report

        written = write_report(folder, replace(options, dir=None, out=None))
    except Exception as error:
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        again = f"python -m hw4 task=report report.dir={folder}"
        console.print(
            f"warning: the report could not be written ({text}); the results are whole. Try again: {again}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
        return None
    console.print(f"Report: {written.html}", soft_wrap=True, highlight=False)
    return written
