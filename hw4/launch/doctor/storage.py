"""Weights, caches, disks, and where runs are logged."""

import netrc
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from hw4.config import EvalConfig, WandbConfig
from hw4.config.root import CacheConfig
from hw4.core.cache import size_of
from hw4.core.errors import UserError
from hw4.core.fingerprint import cache_home
from hw4.core.metric import MetricUnavailable
from hw4.core.scale import in_units
from hw4.launch.doctor.section import Section
from hw4.models.registry import models
from hw4.tracking.environment import mode_of

# Less room than this is told: the weights of a large network alone take 5 GB.
LITTLE_BYTES = 2 * 2**30

ENVIRONMENT = ("WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY", "WANDB_BASE_URL")


def weights() -> Section:
    """Which weights are on this machine, of every model that has some."""
    from hw4.models.network.weights import cached_on_hub
    from hw4.splat.scoring.lpips_weights import find_weights

    section = Section("weights")
    for name, spec in models().items():
        if spec.weights is None:
            continue
        known = spec.weights()
        if known.tiny is not None:
            section.says(f"{name} tiny", "there" if known.tiny.is_file() else f"missing: {known.tiny}")
        found = cached_on_hub(known.official) if find_spec("huggingface_hub") else None
        section.says(f"{name} official", found or f"{known.official} is fetched when it is first used")
    try:
        section.says("LPIPS", find_weights(EvalConfig(lpips_download=False)))
    except MetricUnavailable:
        section.says("LPIPS", "fetched when it is first used, or given as splat.eval.lpips_weights")
    return section


def disks() -> Section:
    """Size of what is kept and room that is left."""
    section = Section("disk")
    for name, folder in _folders().items():
        place = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
        free = shutil.disk_usage(place).free
        kept = f"{in_units(size_of(folder))} in" if folder.is_dir() else "not there yet:"
        section.says(name, f"{kept} {folder}, {in_units(free)} free")
        if free < LITTLE_BYTES:
            section.problems.append(
                f"only {in_units(free)} are free for the {name} in {folder}: make room there."
            )
        if not os.access(place, os.W_OK | os.X_OK):
            section.problems.append(f"{place} may not be written, where the {name} would be kept.")
    return section


def _folders() -> dict[str, Path]:
    user = Path.home() / ".cache"
    hub = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or user / "huggingface") / "hub"
    return {
        "results (cache.root)": Path(CacheConfig().root).resolve(),
        "generated data": cache_home(),
        "weights of the hub": Path(hub),
    }


def logging() -> Section:
    """What W&B would do here; a key is never shown."""
    section = Section("Weights & Biases")
    if find_spec("wandb") is None:
        section.says("wandb", "not installed: runs are not logged")
        return section
    try:
        mode = mode_of(WandbConfig(), os.environ)
    except UserError as error:
        section.problems.append(str(error))
        mode = "not known"
    section.says("mode", f"{mode}, unless wandb=... says otherwise")
    known = {
        key: os.environ[key] for key in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY") if key in os.environ
    }
    section.says("environment", ", ".join(f"{k}={v}" for k, v in known.items()) or "nothing set")
    section.says("login", "there" if logged_in() else "none: wandb=online needs `wandb login`")
    return section


def logged_in() -> bool:
    """Whether a key for W&B lies in the environment or in the user's netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("//")[-1].split("/")[0]
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host.split(":")[0]) is not None
    except (OSError, netrc.NetrcParseError):
        return False
