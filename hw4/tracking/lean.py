"""W&B without what nothing here uses and what it repeats for each run: it takes longer than all the rest."""

import re
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import distributions
from types import ModuleType
from typing import Any

_LAUNCH_INPUTS, _APPLIES_THEM = "wandb.sdk.launch.inputs.internal", "_detect_and_apply_job_inputs"
_NAME, _VERSION = (re.compile(rf"^{key}:(.*)$", re.MULTILINE) for key in ("Name", "Version"))


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
    package = getattr(wandb.util, "InstalledDistribution", None)
    if package is not None:
        wandb.util.working_set = lambda: [package(key=name, version=version) for name, version in packages()]
    return wandb


def _where_staged(apply: Any) -> Any:
    """Whoever has staged inputs has loaded the module that holds them."""

    def apply_staged(run: Any) -> None:
        if _LAUNCH_INPUTS in sys.modules:
            apply(run)

    apply_staged.__wrapped__ = apply  # type: ignore[attr-defined]
    return apply_staged


@cache
def packages() -> tuple[tuple[str, str], ...]:
    """Name and version of all that is installed, in no order; those without either are left out.

    Read once a process: W&B reads hundreds of long descriptions for each run.
    """
    found = []
    for distribution in distributions():
        with suppress(UnicodeDecodeError):
            text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
            head = text.partition("\n\n")[0]
            name, version = _NAME.search(head), _VERSION.search(head)
            if name and version:
                found.append((name[1].strip(), version[1].strip()))
    return tuple(found)


def set_mode(mode: str) -> None:
    """Tell the process the mode of the run that begins, or W&B takes it for online and loads what sends its
    measurements of itself.
    """
    import wandb

    wandb.setup(settings=wandb.Settings(mode=mode))  # type: ignore[arg-type]
