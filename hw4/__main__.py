"""The entrypoint: ``python -m hw4``, the ``hw4`` console script, and ``hw4 runs``."""

import os
import sys
from datetime import datetime
from pathlib import Path

from hw4.errors import UserError

FULL_ERROR = "HYDRA_FULL_ERROR"
# Flags with which Hydra prints something and runs no job.
PRINTING_FLAGS = ("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "-sc")
VALUED_FLAGS = (
    "--cfg",
    "-c",
    "--info",
    "-i",
    "--package",
    "-p",
    "--config-dir",
    "-cd",
    "--experimental-rerun",
)


def _fresh_folder(parent: str) -> Path:
    """A new folder named after the time; two runs in the same second get two folders."""
    now = datetime.now()
    stem = Path(parent) / now.strftime("%Y-%m-%d") / now.strftime("%H-%M-%S")
    for number in range(1000):
        folder = stem if number == 0 else stem.with_name(f"{stem.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"cannot create {folder}: {error.strerror}; set hydra.run.dir=...") from error
    raise UserError(f"{stem} and 999 like it exist already; set hydra.run.dir=...")


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """(flags, overrides); ``experiment=x`` is accepted for Hydra's ``+experiment=x``."""
    overrides = [a for a in arguments if a.startswith("~") or ("=" in a and not a.startswith("-"))]
    flags = [a for a in arguments if a not in overrides]
    return flags, [f"+{o}" if o.startswith("experiment=") else o for o in overrides]


def _run(arguments: list[str]) -> int:
    import hydra

    from hw4.durable import write_json
    from hw4.launch.explain import explain
    from hw4.launch.register import conf_dir, register
    from hw4.launch.search import install_search, search_overrides
    from hw4.report import PLAN_FILE

    flags, overrides = _split(arguments)
    for before, argument in zip(["", *flags], flags, strict=False):
        if not argument.startswith("-") and before not in VALUED_FLAGS:
            raise UserError(f"{argument!r} is not understood: give key=value (see python -m hw4 --help).")
    printing = any(flag.split("=")[0] in PRINTING_FLAGS for flag in arguments)
    multirun = False
    sweep_dir: Path | None = None
    if not printing:
        from hw4.launch.sweep import plan

        try:
            planned = plan(overrides, multirun="-m" in flags or "--multirun" in flags)
        except Exception as error:
            raise explain(error) or error from error
        multirun = planned.multirun
        key = "hydra.sweep.dir" if multirun else "hydra.run.dir"
        if not planned.has_run_dir:
            overrides.append(f"{key}={_fresh_folder('multirun' if multirun else 'outputs')}")
        if multirun:
            sweep_dir = Path(next(o.split("=", 1)[1] for o in overrides if o.startswith("hydra.sweep.dir=")))
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
    from hw4.report.compare import write_comparison
    from hw4.report.terminal import make_console

    table, all_good = write_comparison(sweep_dir)
    console = make_console()
    console.print(table.rich())
    console.print(f"Comparison: {sweep_dir}/comparison.md (.csv, .json)", soft_wrap=True, highlight=False)
    report_at_the_end(sweep_dir, planned.jobs, console)
    return 0 if all_good else 1


def _list_runs(arguments: list[str]) -> int:
    from hw4.report.listing import list_runs
    from hw4.report.terminal import make_console

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
