"""Check every job of a sweep before the first one starts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ValidationError

from hw4.config import Config, WandbConfig
from hw4.config.decides import reads, replicate_keys
from hw4.config.root import config_type
from hw4.config.stages import selected
from hw4.core.errors import ConfigError
from hw4.launch.conf import conf_dir
from hw4.launch.explain import refuse_unknown
from hw4.launch.folders import chosen_folder
from hw4.launch.gpus import LAUNCHER, gpus
from hw4.launch.job_folders import check_job_folders
from hw4.launch.register import register, to_config
from hw4.launch.search import is_search
from hw4.launch.search_checks import check_search
from hw4.splat.source import uses_model

MAX_CHECKED_JOBS = 128


@dataclass(frozen=True)
class Plan:
    """What a command line asks for.

    Attributes:
        multirun: whether it is a sweep.
        jobs: the checked configuration of each job; empty where a sweeper chooses them while running.
        folder: the output folder that the user chose, resolved; None: a new one is to be made.
        n_jobs: number of jobs, where the command line alone decides it.
        search: the composed ``hydra.sweeper`` where Optuna chooses the jobs.
        launcher: the class of the launcher that runs them.
        swept: the keys and groups that the command line or an experiment sweeps over.
        wandb: where a sweep's comparison is logged: as its first job is.
        devices: the GPUs that jobs are dealt out to; empty: every job sees what there is.
        at_once: jobs that are started together; None: as the launcher has it.
    """

    multirun: bool
    jobs: list[Config]
    folder: str | None
    n_jobs: int | None = None
    search: DictConfig | None = None
    launcher: str = ""
    swept: tuple[str, ...] = ()
    wandb: WandbConfig = field(default_factory=WandbConfig)
    devices: tuple[str, ...] = ()
    at_once: int | None = None

    @property
    def seeds(self) -> list[str]:
        """Those of the swept keys that repeat settings."""
        known = {key for job in self.jobs for key in replicate_keys(job)}
        return [key for key in self.swept if key in known]


def _checked(overrides: Sequence[str]) -> Config:
    composed = compose("config", overrides=list(overrides))
    refuse_unknown(composed, config_type())
    return to_config(composed)


def check_printed(overrides: Sequence[str]) -> None:
    """Check a configuration that is only printed; keys that must be given may still be missing in it.

    Raises:
        ConfigError: an impossible value.
        HydraException: the overrides do not compose.
    """
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="hw4"):
        composed = compose("config", overrides=list(overrides))
    refuse_unknown(composed, config_type())
    for key in OmegaConf.missing_keys(composed):
        try:
            OmegaConf.update(composed, key, "missing")
        except ValidationError:
            OmegaConf.update(composed, key, ["missing"])
    to_config(composed)


def _refuse_empty(override: Override) -> None:
    if not list(override.sweep_string_iterator()):
        raise ConfigError(f"{override.input_line} gives no value: the sweep would have no job.")


def plan(overrides: Sequence[str], multirun: bool) -> Plan:
    """Compose and check everything a command line would run, without running it.

    Args:
        overrides: Hydra overrides from the command line.
        multirun: whether ``-m`` was given; an experiment may ask for a sweep as well.

    Raises:
        ConfigError: an impossible value, or a swept key that no selected stage of any job reads.
        HydraException: the overrides do not compose.
    """
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="hw4"):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides(list(overrides))
        fixed = [o.input_line or "" for o in parsed if not o.is_sweep_override()]
        swept = [o for o in parsed if o.is_sweep_override()]
        hydra_config = compose("config", overrides=fixed, return_hydra_config=True).hydra
        multirun = multirun or hydra_config.mode == RunMode.MULTIRUN
        if swept and not multirun:
            raise ConfigError(
                f"{swept[0].input_line} gives several values: add -m to run each (python -m hw4 -m ...)."
            )
        folder = chosen_folder(hydra_config, multirun)
        if not multirun:
            return Plan(False, [_checked(fixed)], folder)
        params = OmegaConf.select(hydra_config, "sweeper.params") or {}
        by_experiment = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
        swept += [o for o in by_experiment if o.is_sweep_override()]
        search = hydra_config.sweeper if is_search(hydra_config.sweeper) else None
        launcher = str(hydra_config.launcher._target_)
        if hydra_config.launcher.get("n_jobs") == 0:
            raise ConfigError("hydra.launcher.n_jobs=0 runs nothing: give 1 or more, or -1 for every core.")
        if not all(o.is_discrete_sweep() for o in swept):
            check_job_folders(hydra_config, [fixed, fixed])
            job = _checked(fixed)
            _refuse_live([job])
            if search is not None:
                check_search(search, swept, [job])
            names, own = tuple(map(_key, swept)), job.wandb
            return Plan(True, [], folder, None, search, launcher, names, own, _devices(hydra_config))
        for override in swept:
            _refuse_empty(override)
        # As the sweeper has them: each is then composed once.
        of_hydra = [o.input_line or "" for o in parsed if o.is_hydra_override()]
        of_task = [o for o in (*by_experiment, *parsed) if not o.is_hydra_override()]
        (combinations,) = BasicSweeper.split_arguments(of_task, None)
        jobs_overrides = [[*of_hydra, *job] for job in combinations[:MAX_CHECKED_JOBS]]
        jobs = [_checked(job) for job in jobs_overrides]
        check_job_folders(hydra_config, jobs_overrides)
        _refuse_live(jobs)
        if search is not None:
            check_search(search, swept, jobs)
        for override in swept:
            _refuse_unread(_key(override), jobs)
        fixed_number = "BasicSweeper" in hydra_config.sweeper._target_
        n_jobs = len(combinations) if fixed_number else None
        names, own = tuple(map(_key, swept)), jobs[0].wandb
        devices, at_once = _devices(hydra_config), _at_once(hydra_config)
        return Plan(True, jobs, folder, n_jobs, search, launcher, names, own, devices, at_once)


def _devices(hydra: DictConfig) -> tuple[str, ...]:
    """The GPUs for ``hydra/launcher=gpus``."""
    return gpus() if hydra.runtime.choices.get("hydra/launcher") == LAUNCHER else ()


def _at_once(hydra: DictConfig) -> int | None:
    """How many jobs submitit may start on this machine: it would start all of them, whatever its cores."""
    if not str(hydra.launcher._target_).endswith("LocalLauncher"):
        return None
    if "max_batch_size" not in hydra.sweeper or hydra.sweeper.max_batch_size is not None:
        return None
    return max(1, (os.cpu_count() or 1) // (hydra.launcher.cpus_per_task or 1))


def _key(override: Override) -> str:
    return (override.key_or_group or "").lstrip("+")


def _refuse_live(jobs: Sequence[Config]) -> None:
    """The words of a sweep's jobs are in their folders: nobody would read where each can be watched."""
    if any(job.view.live for job in jobs):
        raise ConfigError(
            "view.live=true watches one training, and a sweep has many: leave it out, or give one job alone."
        )


def _refuse_unread(key: str, jobs: Sequence[Config]) -> None:
    # A group within a group, such as splat/recipe, sets keys of the outer one.
    group = key.split("/")[0]
    if any(reads(job, group, uses_model) for job in jobs):
        return
    stages = sorted({stage for job in jobs for stage in selected(job)})
    raise ConfigError(
        f"the sweep over {key} would repeat the same job: no selected stage ({', '.join(stages)}) reads it. "
        "Drop it, or choose a task that reads it."
    )
