"""The function that Hydra calls for each job."""

import logging
import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hw4.durable import write_json, write_text
from hw4.errors import UserError
from hw4.launch.register import to_config


def run_task(composed: DictConfig) -> None:
    """Run one job in Hydra's output folder.

    In a sweep a failing job is written down (``results.json``) and the next one goes on; a single run ends
    with status 1 instead.

    Raises:
        SystemExit: a single run failed; its sentence has been printed.
    """
    from rich.console import Console

    from hw4.job import run_job

    hydra = HydraConfig.get()
    out_dir = Path(hydra.runtime.output_dir)
    sweep = hydra.mode == RunMode.MULTIRUN
    console = Console()
    # Progress belongs to the console; upstream packages log every step of theirs at INFO.
    logging.getLogger().setLevel(logging.WARNING)
    resolved: dict[str, Any] = OmegaConf.to_container(composed, resolve=True)  # type: ignore[assignment]
    try:
        config = to_config(composed)
        write_text(out_dir / "config.yaml", OmegaConf.to_yaml(composed, resolve=True))
        group = Path(hydra.sweep.dir).name if sweep else None
        succeeded, message = run_job(config, out_dir, console, group)
    except Exception as error:
        if not sweep:
            raise
        known = isinstance(error, UserError)
        message = str(error) if known else f"internal error: {type(error).__name__}: {error}"
        write_json(out_dir / "results.json", {"status": "failed", "error": message, "config": resolved})
        if not known and os.environ.get("HW4_DEBUG"):
            console.print_exception()
        succeeded = False
    if succeeded:
        return
    console.print(f"hw4: {message}", markup=False, highlight=False, soft_wrap=True, style="red")
    if not sweep:
        raise SystemExit(1)
