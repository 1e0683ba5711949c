"""The command line: one run, a sweep, something that is only printed, or a word such as ``hw4 runs``."""

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hw4.core.errors import UserError
from hw4.core.own_folder import ensure_home
from hw4.launch.flags import (
    VERBOSE,
    VERSION,
    asks_for_help,
    check,
    is_printing,
    is_sweep,
    prints_config,
    split,
    with_config_dir,
    without_verbose,
)
from hw4.launch.signals import Terminated, say
from hw4.launch.system_errors import is_internal, message_of

if TYPE_CHECKING:
    from hw4.config import Config
    from hw4.launch.sweep import Plan

FULL_ERROR = "HYDRA_FULL_ERROR"


def main() -> None:
    """Run the command line; one sentence and status 1 for whatever the user can mend."""
    show_traceback = os.environ.get(FULL_ERROR, "") not in ("", "0")
    # Hydra then raises instead of printing and exiting, so that all errors are worded in one place.
    os.environ[FULL_ERROR] = "1"
    if show_traceback:
        os.environ["HW4_TRACEBACK"] = "1"
    try:
        ensure_home()
        command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
        status = command(sys.argv[2:]) if command else _run(sys.argv[1:])
    except KeyboardInterrupt:
        status = say(signal.SIGINT)
    except Terminated:
        status = say(signal.SIGTERM)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        if show_traceback:
            raise
        text = message_of(error)
        hint = f"\nSet {FULL_ERROR}=1 for the traceback, and please report it." if is_internal(text) else ""
        print(f"hw4: {text}{hint}", file=sys.stderr)
        status = 1
    sys.exit(status)


def _list_runs(arguments: Sequence[str]) -> int:
    from hw4.launch.list_runs import list_runs
    from hw4.output.terminal import make_console

    console = make_console()
    if "--watch" in arguments:
        from hw4.launch.watch import EVERY_S, newest_sweep, watch

        given = [argument for argument in arguments if argument != "--watch"]
        if len(given) > 1 or any(argument.startswith("-") for argument in given):
            raise UserError("hw4 runs --watch takes one sweep's folder, or none for the newest in multirun.")
        folder = Path(given[0]) if given else newest_sweep(Path("multirun"))
        watch(folder, console, EVERY_S)
        arguments = [str(folder)]
    console.print(list_runs(arguments).rich(whole_first=True))
    return 0


def _doctor(arguments: Sequence[str]) -> int:
    from hw4.launch.doctor.run import run_doctor

    return run_doctor(arguments)


def _cache(arguments: Sequence[str]) -> int:
    from hw4.launch.cache import run_cache
    from hw4.output.terminal import make_console

    return run_cache(arguments, make_console())


# Words in the place of a task, which Hydra does not see.
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"runs": _list_runs, "doctor": _doctor, "cache": _cache}


def _run(arguments: Sequence[str]) -> int:
    flags, overrides = split(arguments)
    check(flags)
    sweep = is_sweep(flags)
    if asks_for_help(flags) and not sweep:
        from hw4.launch.help import help_text

        print(help_text())
        return 0
    if VERSION in flags:
        import hw4

        print(f"hw4 {hw4.__version__}")
        return 0
    flags, overrides = with_config_dir(flags, overrides)
    if is_printing(flags):
        if sweep:
            raise UserError(
                "-m runs every combination, and the other option only prints something: "
                "leave one of them out."
            )
        return _print(flags, overrides)
    return _compute(flags, overrides, sweep)


def _print(flags: list[str], overrides: list[str]) -> int:
    """What Hydra prints; of the configuration, only one that could run."""
    if prints_config(flags):
        from hw4.launch.sweep import check_printed

        with _explained():
            check_printed(overrides)
    _hand_to_hydra(flags, overrides)
    return 0


def _compute(flags: list[str], overrides: list[str], sweep: bool) -> int:
    """Run the job, or every job of a sweep; 1 where a job of a sweep failed."""
    from hw4.core.command import command_runs
    from hw4.core.limited import load_while_there_is_room

    load_while_there_is_room()
    from hw4.launch.compose_once import composed_once

    with command_runs(), composed_once():
        return _compute_composed(flags, overrides, sweep)


def _compute_composed(flags: list[str], overrides: list[str], sweep: bool) -> int:
    from hw4.core.cache import using
    from hw4.launch.sweep import plan

    flags, verbose = without_verbose(flags)
    with _explained():
        planned = plan(overrides, multirun=sweep)
    if _only_shows(planned):
        _show(planned.jobs[0])
        return 0
    folder = _folder(planned)
    # Others see by it that the sweep goes on.
    with using(*([folder] if planned.multirun else [])):
        own = _own_overrides(planned, folder, overrides)
        try:
            with _shown(planned, folder, verbose):
                _hand_to_hydra(flags, [*overrides, *own])
        except Exception:
            # A launcher that gave up: what its jobs left is compared all the same.
            if planned.multirun:
                with suppress(UserError):
                    _finish_sweep(planned, folder)
            raise
        return _finish_sweep(planned, folder) if planned.multirun else 0


@contextmanager
def _shown(planned: "Plan", folder: Path, verbose: bool) -> Iterator[None]:
    """While the jobs of a sweep run, one table or a line for each; `verbose`: every job prints for itself."""
    if not planned.multirun:
        yield
        return
    from hw4.launch.board import SweepBoard
    from hw4.output.terminal import make_console

    if verbose:
        # For jobs in other processes too.
        os.environ[VERBOSE] = "1"
        yield
        return
    os.environ.pop(VERBOSE, None)
    for name in ("hydra", "hydra_plugins"):
        # Its line for every job that it launches.
        logging.getLogger(name).setLevel(logging.WARNING)
    with SweepBoard(folder, planned.swept, planned.n_jobs, make_console()):
        yield


def _only_shows(planned: "Plan") -> bool:
    """Whether a single run shows finished ones and leaves nothing of its own: it needs no folder."""
    from hw4.config.stages import selected_rows

    if planned.multirun or planned.folder is not None:
        return False
    return not any(row.computes for row in selected_rows(planned.jobs[0]))


def _show(config: "Config") -> None:
    from hw4.jobs.run import run_job
    from hw4.output.terminal import make_console

    with tempfile.TemporaryDirectory(prefix="hw4-") as folder:
        run_job(config, Path(folder), make_console())


def _folder(planned: "Plan") -> Path:
    """The folder that was chosen for the run or the sweep, else a new one."""
    from hw4.launch.folders import RUN, SWEEP, fresh_folder, usable_folder

    parent, key = ("multirun", SWEEP) if planned.multirun else ("outputs", RUN)
    return fresh_folder(parent, key) if planned.folder is None else usable_folder(Path(planned.folder), key)


def _own_overrides(planned: "Plan", folder: Path, overrides: Sequence[str]) -> list[str]:
    """The overrides that follow the user's; a sweep leaves its plan in its folder."""
    from hw4.core.cores import CORES, share_of_cores
    from hw4.core.durable import write_json
    from hw4.launch.folders import RUN, SWEEP, check_is_ours
    from hw4.launch.job_processes import install_job_processes
    from hw4.launch.search import install_search, quoted, search_overrides
    from hw4.launch.submitted_jobs import install_submitted_jobs
    from hw4.records.files import PLAN, SWEEP_CONFIG, SWEEP_FILES

    # Last, and resolved: Hydra would resolve ${now:...} again, to another second.
    own = [f"{SWEEP if planned.multirun else RUN}={quoted(str(folder))}"]
    if planned.multirun:
        check_is_ours(folder, SWEEP_FILES, (PLAN, SWEEP_CONFIG), SWEEP)
        plan = {"n_jobs": planned.n_jobs, "swept": [*planned.swept], "seeds": planned.seeds}
        write_json(folder / PLAN, {**plan, "overrides": [*overrides, *own]})
    if planned.search is not None:
        own += search_overrides(planned.search, folder)
        install_search()
    if planned.at_once is not None:
        own.append(f"hydra.sweeper.max_batch_size={planned.at_once}")
        # Its processes inherit it.
        beside = min(planned.at_once, planned.n_jobs or planned.at_once)
        os.environ.setdefault(CORES, str(share_of_cores(beside)))
    if "joblib" in planned.launcher:
        install_job_processes(planned.devices)
    if "submitit" in planned.launcher:
        install_submitted_jobs()
    return own


def _hand_to_hydra(flags: Sequence[str], overrides: Sequence[str]) -> None:
    import hydra

    from hw4.launch.conf import conf_dir
    from hw4.launch.register import register
    from hw4.launch.task import JobFailed, run_task

    register()
    sys.argv = [sys.argv[0], *flags, *overrides]
    as_main: Callable[..., Any] = hydra.main(
        config_path=str(conf_dir()), config_name="config", version_base="1.3"
    )
    try:
        with _explained():
            as_main(run_task)()
    except JobFailed as failed:
        raise failed.__cause__ or failed from None


def _finish_sweep(planned: "Plan", folder: Path) -> int:
    """Compare the jobs of a finished sweep; 1 where one failed."""
    from hw4.jobs.comparison import log_comparison, write_comparison
    from hw4.jobs.report import report_at_the_end
    from hw4.launch.board import repeated_warnings
    from hw4.launch.folders import group_of
    from hw4.output.terminal import make_console
    from hw4.records.runs import load_runs

    runs = load_runs(folder).runs
    if not runs:
        raise UserError(f"no job of the sweep left anything in {folder}: there is nothing to compare.")
    table, all_good = write_comparison(folder)
    console = make_console()
    for text in repeated_warnings(runs):
        console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)
    console.print(table.rich())
    console.print(f"Comparison: {folder}/comparison.md (.csv, .json)", soft_wrap=True, highlight=False)
    written = report_at_the_end(folder, planned.jobs, console)
    log_comparison(folder, planned.wandb.group or group_of(folder), planned.wandb, written, console)
    return 0 if all_good else 1


@contextmanager
def _explained() -> Iterator[None]:
    """Word Hydra's errors in one sentence."""
    try:
        yield
    except Exception as error:
        from hw4.launch.explain import explain

        raise explain(error) or error from error
