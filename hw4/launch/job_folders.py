"""The folders of a sweep's jobs (``hydra.sweep.subdir``), known before the first job starts."""

import os
from collections.abc import Sequence
from pathlib import PurePath

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from hw4.core.errors import ConfigError

KEY, DEFAULT = "hydra.sweep.subdir", "${hydra.job.num}"


def check_job_folders(hydra: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Refuse a ``hydra.sweep.subdir`` under which jobs would meet, or leave the sweep's folder.

    Args:
        hydra: the composed ``hydra`` node.
        jobs: the overrides of each job; Hydra's composition must be at hand.

    Raises:
        ConfigError: two jobs share a folder, one's lies in another's, or one's outside of the sweep's.
        OmegaConfBaseException: the value refers to something that is not there.
    """
    raw = OmegaConf.to_container(hydra.sweep, resolve=False)["subdir"]  # type: ignore[index,call-overload]
    if raw == DEFAULT:
        return
    folders = [PurePath(os.path.normpath(_subdir(job, number))) for number, job in enumerate(jobs)]
    for number, folder in enumerate(folders):
        if folder.is_absolute() or folder == PurePath() or ".." in folder.parts:
            raise ConfigError(f"{KEY}={raw} lies outside of the sweep's folder: give a path within it.")
        for other in folders[:number]:
            if folder == other or folder in other.parents or other in folder.parents:
                raise ConfigError(
                    f"{KEY}={raw} puts two jobs into one folder ({other}, {folder}): add {DEFAULT} to it."
                )


def _subdir(overrides: Sequence[str], number: int) -> str:
    job = compose("config", overrides=list(overrides), return_hydra_config=True)
    OmegaConf.update(job, "hydra.job.num", number, force_add=True)
    OmegaConf.update(job, "hydra.job.id", f"{job.hydra.job.name}_{number}", force_add=True)
    # For ${hydra:...}.
    HydraConfig.instance().set_config(job)
    return str(job.hydra.sweep.subdir)
