"""Weights put into a network."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from hw4.core.errors import UserError
from hw4.models.network.weights import WeightsSource

log = logging.getLogger(__name__)


@dataclass
class LoadedNetwork:
    """A network in evaluation mode, on the CPU.

    Attributes:
        network: upstream's module.
        image_size: long edge or width in pixels that it was made for, as the model counts.
        patch_size: side of a patch in pixels.
        source: where its weights are from.
    """

    network: nn.Module
    image_size: int
    patch_size: int
    source: WeightsSource


def announced(source: WeightsSource) -> WeightsSource:
    """The source, once its licence has been told."""
    if source.license is not None:
        log.warning("%s.", source.license)
    return source


def channels(weights: Mapping[str, torch.Tensor], name: str, axis: int) -> int | None:
    """Length of an axis of one of the weights; None where there is no such one."""
    return weights[name].shape[axis] if name in weights and weights[name].ndim else None


def fill(
    network: nn.Module, weights: Mapping[str, torch.Tensor], source: WeightsSource, sizes: str = ""
) -> None:
    """Load weights; every value of the network and of the file must find its counterpart.

    A value that the network knows under several names need stand in the file under one: safetensors keeps no
    duplicates, and some networks have them.

    Args:
        network: to be filled.
        weights: by the network's own names.
        source: where they are from.
        sizes: where the network's sizes are from, for the sentence, if not from the file.

    Raises:
        UserError: names or sizes differ; the message has an example.
    """
    known_sizes = f" ({sizes})" if sizes else ""
    try:
        result = network.load_state_dict(dict(weights), strict=False)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        detail = lines[1].strip() if len(lines) > 1 else lines[0]
        raise UserError(f"weights {source.path} do not fit the network{known_sizes}: {detail}") from error
    known_as: dict[tuple[int, torch.Size], set[str]] = {}
    for name, tensor in network.state_dict().items():
        known_as.setdefault((tensor.data_ptr(), tensor.shape), set()).add(name)
    names_of = {name: names for names in known_as.values() for name in names}
    missing = [name for name in result.missing_keys if not names_of[name] & weights.keys()]
    problems = []
    for names, what in ((missing, "missing"), (result.unexpected_keys, "unexpected")):
        if names:
            problems.append(f"{len(names)} tensors are {what} (such as {', '.join(sorted(names)[:2])})")
    if problems:
        raise UserError(
            f"weights {source.path} do not fit the network{known_sizes}: {' and '.join(problems)}; give a "
            "file of exactly this network."
        )
