"""W&B without what nothing here uses and what it repeats for each run: it takes longer than all the rest."""

import sys
from functools import cache
from types import ModuleType
from typing import Any

_LAUNCH_INPUTS, _APPLIES_THEM = "wandb.sdk.launch.inputs.internal", "_detect_and_apply_job_inputs"


def import_wandb() -> ModuleType:
    """W&B, which knows data frames and inputs of launch jobs where there are any, and does not load theirs.

    Raises:
        ImportError: it is not installed.
    """
    import wandb
    import wandb.util

    if "pandas" not in sys.modules:
        # A data frame is then known by the name of its type, as where pandas is not installed.
        wandb.util.pd_available = False
    run_type = wandb.Run
    apply = getattr(run_type, _APPLIES_THEM, None)
    if apply is not None and not hasattr(apply, "__wrapped__"):
        setattr(run_type, _APPLIES_THEM, _where_staged(apply))
    if not hasattr(wandb.util.working_set, "__wrapped__"):
        wandb.util.working_set = _read_once(wandb.util.working_set)
    return wandb


def _where_staged(apply: Any) -> Any:
    """Whoever has staged inputs has loaded the module that holds them."""

    def apply_staged(run: Any) -> None:
        if _LAUNCH_INPUTS in sys.modules:
            apply(run)

    apply_staged.__wrapped__ = apply  # type: ignore[attr-defined]
    return apply_staged


def _read_once(working_set: Any) -> Any:
    """What is installed, read from the disk by the first job of a sweep alone: hundreds of files."""

    @cache
    def found() -> tuple[Any, ...]:
        return tuple(working_set())

    return found


def set_mode(mode: str) -> None:
    """Tell the process the mode of the run that begins, or W&B takes it for online and loads what sends its
    measurements of itself.
    """
    import wandb

    wandb.setup(settings=wandb.Settings(mode=mode))  # type: ignore[arg-type]
