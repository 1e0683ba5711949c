"""What W&B's own environment variables decide: a person, a cluster or a sweep's agent sets them."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hw4.config import WandbConfig
from hw4.core.durable import write_json
from hw4.core.errors import UserError
from hw4.core.fingerprint import digest

AUTO, OFFLINE, ONLINE, DISABLED = "auto", "offline", "online", "disabled"
# W&B's names for the modes, its old ones among them.
MODES = {"online": ONLINE, "run": ONLINE, "offline": OFFLINE, "dryrun": OFFLINE, "disabled": DISABLED}
PROJECT = "hw4"
RUN_FILE = "wandb_run.json"


def mode_of(config: WandbConfig, environment: Mapping[str, str]) -> str:
    """Where a run is logged: as ``wandb=`` says, else WANDB_MODE; a sweep's agent needs ``online``.

    Raises:
        UserError: WANDB_MODE is none of W&B's modes.
    """
    if config.mode != AUTO:
        return config.mode
    if environment.get("WANDB_DISABLED", "").lower() in ("true", "1"):
        return DISABLED
    asked = environment.get("WANDB_MODE", "")
    if not asked:
        return ONLINE if environment.get("WANDB_SWEEP_ID") else OFFLINE
    if asked not in MODES:
        raise UserError(
            f"WANDB_MODE={asked} is no mode of W&B: set it to {ONLINE}, {OFFLINE} or {DISABLED}, or give "
            "wandb=..., which goes before it."
        )
    return MODES[asked]


def chosen_here(config: WandbConfig, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Project and entity for ``wandb.init``; None: W&B takes them from its environment, a sweep's from it."""
    if environment.get("WANDB_SWEEP_ID"):
        return {}
    project = config.project or (None if "WANDB_PROJECT" in environment else PROJECT)
    return {"project": project, "entity": config.entity}


class RunId:
    """The W&B run of a job, the same one when the job is killed and goes on in its folder.

    Args:
        out_dir: the job's folder, which keeps the identity until the job is whole.
        identity: what makes it the same job, JSON-serialisable.
        environment: WANDB_RUN_ID, a sweep's agent's, goes before.
    """

    def __init__(self, out_dir: Path, identity: Any, environment: Mapping[str, str]) -> None:
        self._file = out_dir / RUN_FILE
        self._job = digest(identity)
        given = environment.get("WANDB_RUN_ID")
        self.value = given or self._known() or uuid.uuid4().hex[:8]
        if not given:
            write_json(self._file, {"id": self.value, "job": self._job})

    def _known(self) -> str | None:
        try:
            record = json.loads(self._file.read_text())
            return str(record["id"]) if record["job"] == self._job else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self) -> None:
        """The job is whole: another run in its folder is another run."""
        self._file.unlink(missing_ok=True)
