"""The GPUs that ``hydra/launcher=gpus`` deals out to jobs."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from hw4.core.errors import ConfigError

LAUNCHER = "gpus"
VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What `VISIBLE` of one job each is set to: the GPUs that this process may use, without asking torch.

    Raises:
        ConfigError: there is none.
    """
    given = environment.get(VISIBLE)
    if given is None:
        found = tuple(map(str, range(_count())))
    else:
        # CUDA stops at the first that is none.
        names = [name.strip() for name in given.split(",")]
        found = tuple(names[: next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))])
    if not found:
        raise ConfigError(
            f"hydra/launcher={LAUNCHER} finds no GPU (nvidia-smi -L lists none, or {VISIBLE} hides them): "
            "use hydra/launcher=joblib hydra.launcher.n_jobs=<number>."
        )
    return found


def one_gpu() -> int:
    """What a job asks Ray for: one GPU where there are some, else none."""
    try:
        return min(1, len(gpus()))
    except ConfigError:
        return 0


def _count() -> int:
    if shutil.which("nvidia-smi") is None:
        return 0
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    # Parts of a card stand indented below it.
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())
