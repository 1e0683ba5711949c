"""The folder of a run or sweep: which one the command line means, and whether files can be made there."""

import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hw4.core.cache import LOCK
from hw4.core.errors import ConfigError, UserError
from hw4.core.fingerprint import digest
from hw4.records.files import PLAN, RESULTS, read_json

RUN, SWEEP = "hydra.run.dir", "hydra.sweep.dir"
# W&B's groups and names end at 128 characters.
MAX_SETTING = 80
# Hydra's own; two runs in the same second would share a folder.
_DEFAULTS = {
    RUN: "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    SWEEP: "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}",
}


def chosen_folder(hydra: DictConfig, multirun: bool) -> str | None:
    """The folder that the user chose for a run or a sweep, resolved; None: a new one is to be made.

    Args:
        hydra: the composed ``hydra`` node.
        multirun: whether it is a sweep.

    Raises:
        ConfigError: the folder of the other kind is given alone, which would be read by nobody.
        OmegaConfBaseException: the value refers to something that is not there.
    """
    raw = {
        RUN: OmegaConf.to_container(hydra.run, resolve=False)["dir"],  # type: ignore[index,call-overload]
        SWEEP: OmegaConf.to_container(hydra.sweep, resolve=False)["dir"],  # type: ignore[index,call-overload]
    }
    key, other = (SWEEP, RUN) if multirun else (RUN, SWEEP)
    if raw[key] != _DEFAULTS[key]:
        return str(hydra.sweep.dir if multirun else hydra.run.dir)
    if raw[other] != _DEFAULTS[other]:
        kind = "sweep" if multirun else "single run"
        raise ConfigError(f"the folder of a {kind} is set by {key}=..., not by {other}.")
    return None


def fresh_folder(parent: str, key: str) -> Path:
    """A new folder named after the time; two runs in the same second get two folders.

    Args:
        parent: the folder of all runs or all sweeps.
        key: the key that would have chosen another one.

    Raises:
        UserError: it cannot be made.
    """
    now = datetime.now()
    stem = Path(parent) / now.strftime("%Y-%m-%d") / now.strftime("%H-%M-%S")
    for number in range(1000):
        folder = stem if number == 0 else stem.with_name(f"{stem.name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"cannot create {folder}: {error.strerror}; set {key}=...") from error
        return folder
    raise UserError(f"{stem} and 999 like it exist already; set {key}=...")


def usable_folder(folder: Path, key: str) -> Path:
    """The folder, made if it is not there, in which files can be written.

    Raises:
        UserError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; set {key}=...") from error


def setting_of(sweep_dir: Path, overrides: Sequence[str]) -> str:
    """What jobs of a sweep have in common that differ in their seeds alone: their other swept values.

    Args:
        sweep_dir: the sweep's folder, with its plan.
        overrides: of one job, as Hydra has them.

    Returns:
        such as ``splat.lr=0.001``; empty where the sweep repeats nothing.
    """
    plan = read_json(sweep_dir / PLAN) or {}
    if not plan.get("seeds"):
        return ""
    others = {*plan.get("swept", [])} - {*plan["seeds"]}
    text = " ".join(one for one in overrides if one.split("=")[0].lstrip("+") in others)
    return text if len(text) <= MAX_SETTING else f"{text[: MAX_SETTING - 21]} {digest(text)}"


def group_of(sweep_dir: Path) -> str:
    """What the jobs of a sweep are grouped under: its folder's name, with the date where that is the time."""
    folder = sweep_dir.resolve()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", folder.parent.name):
        return f"{folder.parent.name}_{folder.name}"
    return folder.name


def check_is_ours(folder: Path, names: Iterable[str], marks: Iterable[str], key: str) -> None:
    """Refuse a folder with files of somebody else under names that are about to be written.

    Args:
        folder: where is to be written.
        names: of what will be.
        marks: files of which any earlier run or sweep left one.
        key: the key that chooses the folder.

    Raises:
        UserError: such a file lies there, and no mark.
    """
    if any((folder / mark).exists() for mark in marks):
        return
    found = [name for name in names if (folder / name).exists()]
    if found:
        raise UserError(
            f"{folder} holds {', '.join(found[:3])}, which would be overwritten, and no run of hw4 has been "
            f"there before: give another {key}=..., or move them away."
        )


def run_marks(folder: Path) -> list[str]:
    """The marks of `check_is_ours` for a run; one of before there was a lock is known by its results."""
    results = read_json(folder / RESULTS) or {}
    return [LOCK, *([RESULTS] if {"status", "config"} <= set(results) else [])]
