"""What a launcher gives back for a job: as it ended, as it had ended before, or as lost."""

import copy
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hw4.config import Config
from hw4.core.durable import jsonable, write_json
from hw4.data.stamps import inputs_stamp
from hw4.launch.register import to_config
from hw4.records.files import FAILED, OK, RESULTS, read_json
from hw4.records.progress import JobProgress, ProgressFile


class SweepJob:
    """A job of a sweep as its launcher sees it.

    Args:
        number: of the job in the sweep.
        overrides: those of the job, as Hydra's sweeper has them.
        hydra_context: of the launcher.
        sweep: the launcher's configuration.
    """

    def __init__(self, number: int, overrides: Iterable[str], hydra_context: Any, sweep: DictConfig) -> None:
        self.overrides = list(overrides)
        self.composed = hydra_context.config_loader.load_sweep_config(sweep, self.overrides)
        own = {"num": number, "id": f"{self.composed.hydra.job.name}_{number}"}
        OmegaConf.update(self.composed, "hydra.job", own, force_add=True)
        self.name = str(self.composed.hydra.sweep.subdir)
        self.folder = Path(str(self.composed.hydra.sweep.dir)) / self.name

    @property
    def _task_config(self) -> DictConfig:
        """Without Hydra's own part."""
        config = copy.deepcopy(self.composed)
        with read_write(config), open_dict(config):
            del config["hydra"]
        return config

    def is_finished(self) -> bool:
        """Whether the job's folder holds its whole result, on the files as they are now."""
        config = to_config(self._task_config)
        return config.cache.reuse and is_finished(self.folder, config)

    def finished(self) -> Any:
        """The return of a job that is not run again; its folder says that it was not."""
        # Imported now: it is slow, and a configuration that is only printed does without.
        from hw4.launch.objective import objective_value

        ProgressFile(self.folder).write(JobProgress("", reused=True))
        return self._returned(objective_value(self.composed.objective, self.folder))

    def lost(self, error: str) -> Any:
        """The return of a job whose process is gone; its ``results.json`` says why."""
        config = OmegaConf.to_container(self._task_config)
        write_json(self.folder / RESULTS, {"status": FAILED, "error": error, "config": config})
        # Hydra ends a sweep over a result that is an error; this one is told by the comparison.
        return self._returned(None)

    def _returned(self, value: float | None) -> Any:
        from hydra.core.utils import JobReturn, JobStatus

        return JobReturn(
            overrides=self.overrides, cfg=self.composed, _return_value=value, status=JobStatus.COMPLETED
        )


def is_finished(folder: Path, config: Config) -> bool:
    """Whether a folder holds the whole result of this configuration on these files."""
    results = read_json(folder / RESULTS) or {}
    same = results.get("config") == json.loads(json.dumps(jsonable(asdict(config))))
    return same and results.get("status") == OK and results.get("inputs") == inputs_stamp(config)
