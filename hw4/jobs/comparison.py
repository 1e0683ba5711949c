"""The comparison that a sweep ends with."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from hw4.config import WandbConfig
from hw4.core.durable import write_json, write_text
from hw4.core.errors import UserError
from hw4.metrics import table as metrics
from hw4.output.sweep_table import comparison_table
from hw4.output.tables import Table
from hw4.records.comparison import compare
from hw4.records.files import COMPARISON, OK, SAME_VIEW
from hw4.records.runs import load_runs
from hw4.records.settings import Setting
from hw4.tracking.wandb_run import open_tracker

if TYPE_CHECKING:
    from hw4.report.document import Written

# More settings than this stand below each other, as rows.
WIDE_SETTINGS = 6


def write_comparison(sweep_dir: Path) -> tuple[Table, bool]:
    """Write ``comparison.{md,csv,json}`` into a sweep folder, and one test view under all splat settings.

    Returns:
        the table, and whether every job succeeded.

    Raises:
        UserError: no job of the sweep left anything, or the files cannot be written.
    """
    runs = load_runs(sweep_dir).runs
    comparison = compare(runs)
    settings = comparison.settings
    of = f" ({len(settings)} settings)" if len(settings) < len(runs) else ""
    table = comparison_table(comparison, f"Comparison of {len(runs)} jobs{of}")
    for_people = table.transposed() if len(settings) <= WIDE_SETTINGS else table
    write_text(sweep_dir / f"{COMPARISON}.md", for_people.markdown())
    write_text(sweep_dir / f"{COMPARISON}.csv", table.csv())
    # For programs; people have the others.
    write_json(sweep_dir / f"{COMPARISON}.json", comparison.to_json(), indent=None)
    _write_strip(sweep_dir, comparison.settings)
    return for_people, all(run.status == OK for run in runs)


def log_comparison(
    folder: Path, group: str, config: WandbConfig, report: "Written | None", console: Console
) -> None:
    """Log a finished sweep's table, as numbers, and its report, as a W&B run in the group of its jobs.

    Whatever goes wrong is a warning: the results are on disk.
    """

    def warn(text: str) -> None:
        console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)

    comparison = compare(load_runs(folder).runs)
    what = {"task": COMPARISON, "jobs": len(comparison.jobs), "folder": str(folder)}
    try:
        tracker = open_tracker(config, folder, what, COMPARISON, group, warn=warn)
    except UserError as error:
        warn(str(error))
        return
    tracker.table(COMPARISON, *_numbers(comparison.settings))
    tables = [folder / f"{COMPARISON}.{suffix}" for suffix in ("md", "csv", "json")]
    tracker.artifact(COMPARISON, [*tables, *(report.paths if report else ())], "report")
    tracker.finish()


def _numbers(settings: Sequence[Setting]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows, a setting each: of one with several seeds the means, beside them their deviations."""
    keys = list(dict.fromkeys(key for setting in settings for key in setting.values))
    spreads = {row.key: [setting.spread(row) for setting in settings] for row in metrics().values()}
    spreads = {key: own for key, own in spreads.items() if any(spread.known for spread in own)}
    repeated = spreads if any(setting.is_repeated for setting in settings) else {}
    columns = ["job", "status", *keys, *spreads, *(f"{key}_std" for key in repeated)]
    rows = []
    for number, setting in enumerate(settings):
        states = ", ".join(dict.fromkeys(run.status for run in setting.runs))
        means = [own[number].mean for own in spreads.values()]
        deviations = [own[number].std for own in repeated.values()]
        rows.append([setting.names, states, *map(setting.values.get, keys), *means, *deviations])
    return columns, rows


def _write_strip(sweep_dir: Path, settings: Sequence[Setting]) -> None:
    """One view under every setting, of its first seed."""
    splats = [(_called(setting), setting.runs[0].splat) for setting in settings if setting.runs[0].splat]
    if len(splats) < 2:
        return
    from hw4.output.figures import KINDS, SCREEN, save_figure
    from hw4.report.sections.splat_views import settings_strip

    strip = settings_strip(splats, settings[0].runs[0].option("report.view"))
    if strip is not None:
        style = settings[0].runs[0].option("report.style")
        save_figure(strip[1], sweep_dir / SAME_VIEW, style if style in KINDS else SCREEN)


def _called(setting: Setting) -> str:
    if setting.is_repeated:
        return setting.label
    (run,) = setting.runs
    return str(run.option("name") or f"job {run.name.removeprefix('job ')}")
