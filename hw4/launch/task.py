"""The function that Hydra calls for each job."""

import contextlib
import logging
import os
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hw4.config.stages import result_files
from hw4.core.cache import LOCK
from hw4.core.durable import locked, write_json, write_text
from hw4.core.errors import UserError
from hw4.core.limited import load_while_there_is_room
from hw4.launch.flags import VERBOSE
from hw4.launch.folders import RUN, check_is_ours, group_of, run_marks, setting_of
from hw4.launch.job_folders import KEY as SUBDIR
from hw4.launch.job_returns import is_finished
from hw4.launch.register import to_config
from hw4.launch.system_errors import message_of
from hw4.output.job_console import JobConsole
from hw4.records.files import CONFIG, FAILED, INCOMPLETE, RESULTS, read_json
from hw4.records.progress import JobProgress, ProgressFile


class JobFailed(BaseException):
    """Carries a single run's error past Hydra, which would print its own words about any Exception."""


def _forget(out_dir: Path) -> None:
    """Remove what an earlier run left in the folder: a job that fails must not show that run's numbers."""
    for name in result_files():
        path = out_dir / name
        try:
            # A link to somewhere else is not ours to undo; what is written goes where it points.
            if not path.is_symlink():
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot remove {path} of an earlier run: {error.strerror}; give another folder."
            ) from error


def run_task(composed: DictConfig) -> float | None:
    """Run one job in Hydra's output folder; a failure is written into its ``results.json``.

    Returns:
        The objective's value for a sweeper that searches, or None without an objective.

    Raises:
        JobFailed: from the job's error, in a single run. In a sweep the next job goes on instead.
    """
    from hw4.jobs.run import SweepGroup, run_job
    from hw4.launch.objective import objective_value
    from hw4.output.terminal import make_console

    hydra = HydraConfig.get()
    out_dir = Path(hydra.runtime.output_dir)
    sweep = hydra.mode == RunMode.MULTIRUN
    # What a sweep shows of its jobs is one table; the words of each are in its folder.
    quiet = sweep and not os.environ.get(VERBOSE)
    console = JobConsole(out_dir) if quiet else make_console()
    # Progress belongs to the console; upstream packages log every step of theirs at INFO.
    logging.getLogger().setLevel(logging.WARNING)
    # A log file that cannot be written is no reason for a traceback beside the sentence.
    logging.raiseExceptions = False
    # Only then do results.json and the other files in the folder belong to this job.
    own_folder, foreign = False, True
    held = contextlib.ExitStack()
    try:
        # Before the lock, which marks it as ours.
        check_is_ours(out_dir, (*result_files(), CONFIG), run_marks(out_dir), SUBDIR if sweep else RUN)
        foreign = False
        load_while_there_is_room()
        config = to_config(composed)
        # Where there is no lock to be had, the first file that is written says what is wrong with the folder.
        with contextlib.suppress(OSError):
            held.enter_context(locked(out_dir / LOCK))
        if sweep and config.cache.reuse and is_finished(out_dir, config):
            console.print(f"finished before, not run again: {out_dir}", soft_wrap=True, highlight=False)
            ProgressFile(out_dir).write(JobProgress("", reused=True))
            return objective_value(config.objective, out_dir)
        _forget(out_dir)
        own_folder = True
        write_text(out_dir / CONFIG, OmegaConf.to_yaml(composed, resolve=True))
        sweep_dir = Path(hydra.sweep.dir)
        group = SweepGroup(group_of(sweep_dir), setting_of(sweep_dir, hydra.overrides.task))
        run_job(config, out_dir, console, group if sweep else None)
    except Exception as error:
        message = message_of(error)
        # An incomplete job has written all it could compute, and why it is incomplete.
        incomplete = own_folder and (read_json(out_dir / RESULTS) or {}).get("status") == INCOMPLETE
        if not foreign and not incomplete:
            resolved = OmegaConf.to_container(composed, resolve=True)
            write_json(out_dir / RESULTS, {"status": FAILED, "error": message, "config": resolved})
        if not sweep:
            raise JobFailed from error
        console.print(f"hw4: {message}", markup=False, highlight=False, soft_wrap=True, style="red")
        if os.environ.get("HW4_TRACEBACK"):
            console.print_exception()
    finally:
        if isinstance(console, JobConsole):
            console.close()
        held.close()
    return objective_value(composed.objective, out_dir)
