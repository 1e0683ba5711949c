"""The state of a training on disk, with the configuration that it belongs to."""

import io
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from hw4.config import PretrainConfig
from hw4.config.fields import deciding
from hw4.core.durable import JsonlLog, write_bytes, write_text
from hw4.core.errors import UserError
from hw4.core.npz import check_archive


@dataclass
class PretrainState:
    """Everything that a resumed training needs."""

    name: str
    model: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0


def save_checkpoint(path: Path, state: PretrainState, config: PretrainConfig) -> None:
    """Write the state and its configuration, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    content = {
        "name": state.name,
        "recipe": deciding(config),
        "model": state.model.state_dict(),
        "ema": state.ema.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, state: PretrainState, config: PretrainConfig) -> None:
    """Read a state written by `save_checkpoint`.

    Raises:
        UserError: the file is damaged, or belongs to another network or configuration.
    """
    start_again = "give another pretrain.out=..., or delete it to start again."
    try:
        check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        name, found = content["name"], content["recipe"]
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise UserError(f"cannot resume from {path}: the file is damaged; {start_again}") from error
    wanted = {"model": state.name, **{f"pretrain.{key}": value for key, value in deciding(config).items()}}
    there = {"model": name, **{f"pretrain.{key}": value for key, value in found.items()}}
    if wanted != there:
        differing = [key for key in wanted if wanted[key] != there.get(key)]
        told = ", ".join(f"{key}={there.get(key)} and not {wanted[key]}" for key in differing)
        raise UserError(f"cannot resume from {path}: it was trained with {told}; {start_again}")
    try:
        state.model.load_state_dict(content["model"])
        state.ema.load_state_dict(content["ema"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.step, state.seconds = content["step"], content["seconds"]
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(
            f"cannot resume from {path}: this code's network is another; {start_again}"
        ) from error


def cut_log(log: JsonlLog, step: int) -> None:
    """Drop what a killed training logged after its last checkpoint: these steps are done again."""
    records = log.read()
    kept = [record for record in records if record["step"] <= step]
    if len(kept) < len(records):
        lines = log.path.read_text().splitlines()[: len(kept)]
        write_text(log.path, "".join(f"{line}\n" for line in lines))
