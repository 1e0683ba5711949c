"""The entrypoint: ``python -m hw4``, the ``hw4`` console script, and ``hw4 runs``."""

import os
import sys
from pathlib import Path

from hw4.core.errors import UserError

FULL_ERROR = "HYDRA_FULL_ERROR"


def _run(arguments: list[str]) -> int:
    from hw4.launch.flags import asks_for_help, check, is_printing, is_sweep, prints_config, split

    flags, overrides = split(arguments)
    check(flags)
    if asks_for_help(flags) and not is_sweep(flags):
        from hw4.launch.help import help_text

        print(help_text())
        return 0
    import hydra

    from hw4.core.durable import write_json
    from hw4.launch.conf import conf_dir
    from hw4.launch.explain import explain
    from hw4.launch.folders import RUN, SWEEP, fresh_folder, usable_folder
    from hw4.launch.register import register
    from hw4.launch.search import install_search, quoted, search_overrides
    from hw4.report import PLAN_FILE

    printing, asked_sweep = is_printing(flags), is_sweep(flags)
    if printing and asked_sweep:
        raise UserError(
            "-m runs every combination, and the other option only prints something: leave one of them out."
        )
    multirun = False
    sweep_dir: Path | None = None
    if prints_config(flags):
        from hw4.launch.sweep import check_printed

        try:
            check_printed(overrides)
        except Exception as error:
            raise explain(error) or error from error
    if not printing:
        from hw4.launch.sweep import plan

        try:
            planned = plan(overrides, multirun=asked_sweep)
        except Exception as error:
            raise explain(error) or error from error
        multirun = planned.multirun
        key = SWEEP if multirun else RUN
        if planned.folder is None:
            folder = fresh_folder("multirun" if multirun else "outputs", key)
        else:
            folder = usable_folder(Path(planned.folder), key)
        # Last, and resolved: Hydra would resolve ${now:...} again, to another second.
        overrides.append(f"{key}={quoted(str(folder))}")
        if multirun:
            sweep_dir = folder
            write_json(sweep_dir / PLAN_FILE, {"n_jobs": planned.n_jobs, "overrides": overrides})
            if planned.search is not None:
                overrides += search_overrides(planned.search, sweep_dir)
                install_search()
    register()
    sys.argv = [sys.argv[0], *flags, *overrides]
    from hw4.launch.task import JobFailed, run_task

    try:
        hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(run_task)()
    except JobFailed as failed:
        raise failed.__cause__ or failed from None
    except Exception as error:
        raise explain(error) or error from error
    if sweep_dir is None:
        return 0
    from hw4.jobs.report import report_at_the_end
    from hw4.output.terminal import make_console
    from hw4.records.sweep_table import load_jobs, write_comparison

    if not load_jobs(sweep_dir):
        raise UserError(f"no job of the sweep left anything in {sweep_dir}: there is nothing to compare.")
    table, all_good = write_comparison(sweep_dir)
    console = make_console()
    console.print(table.rich())
    console.print(f"Comparison: {sweep_dir}/comparison.md (.csv, .json)", soft_wrap=True, highlight=False)
    report_at_the_end(sweep_dir, planned.jobs, console)
    return 0 if all_good else 1


def _list_runs(arguments: list[str]) -> int:
    from hw4.output.terminal import make_console
    from hw4.records.listing import list_runs

    make_console().print(list_runs(arguments).rich(whole_first=True))
    return 0


def main() -> None:
    """Run the command line; one sentence and status 1 for whatever the user can mend."""
    show_traceback = os.environ.get(FULL_ERROR, "") not in ("", "0")
    # Hydra then raises instead of printing and exiting, so that all errors are worded in one place.
    os.environ[FULL_ERROR] = "1"
    if show_traceback:
        os.environ["HW4_TRACEBACK"] = "1"
    try:
        status = _list_runs(sys.argv[2:]) if sys.argv[1:2] == ["runs"] else _run(sys.argv[1:])
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to continue where it stopped.", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        if show_traceback:
            raise
        known = isinstance(error, UserError)
        text = str(error) if known else f"internal error: {type(error).__name__}: {error}"
        hint = "" if known else f"\nSet {FULL_ERROR}=1 for the traceback, and please report it."
        print(f"hw4: {text}{hint}", file=sys.stderr)
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
