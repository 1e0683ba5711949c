"""Where a network's weights stand in what training programs save."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

# What DistributedDataParallel, torch.compile, FSDP and activation checkpoints put around a module: no
# network's own names. They may stand before a name and within it.
_WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_MAX_DEPTH = 4


@dataclass(frozen=True)
class Place:
    """One network within the content of a file.

    Attributes:
        keys: of the dictionaries that lead to its weights.
        prefix: what its weights' names begin with there, with the last dot.
        weights: under the network's own names.
        left_out: names of the tensors beside it that do not have the prefix.
    """

    keys: tuple[str, ...]
    prefix: str
    weights: dict[str, torch.Tensor]
    left_out: tuple[str, ...]

    @property
    def is_averaged(self) -> bool:
        """Whether its names say that it is the moving average of another network's weights."""
        words = re.split(r"[._\W]+", ".".join((*self.keys, self.prefix)).lower())
        return "ema" in words

    def __str__(self) -> str:
        return (
            "/".join((*self.keys, self.prefix + "*" if self.prefix else "")).rstrip("/") or "the file itself"
        )


def find_networks(content: Mapping[Any, Any], mark: str) -> list[Place]:
    """Every network of a file's content: of a kind whose networks all have a weight named `mark`."""
    join = rf"\.(?:(?:{'|'.join(_WRAPPERS)})\.)*"
    marked = re.compile(r"((?:.*\.)?)" + join.join(map(re.escape, mark.split("."))))
    found = []
    for keys, tensors in tensor_dicts(content):
        matches = filter(None, map(marked.fullmatch, tensors))
        found += [_place(keys, prefix, tensors) for prefix in dict.fromkeys(match[1] for match in matches)]
    return found


def tensor_dicts(
    content: Mapping[Any, Any], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, torch.Tensor]]]:
    """The dictionaries of tensors in a file's content, with the keys to them; an optimizer's are none."""
    tensors = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}
    if tensors:
        yield keys, tensors
    if len(keys) < _MAX_DEPTH:
        for key, value in content.items():
            if isinstance(key, str) and isinstance(value, Mapping) and not key.startswith("optim"):
                yield from tensor_dicts(value, (*keys, key))


def _place(keys: tuple[str, ...], prefix: str, tensors: Mapping[str, torch.Tensor]) -> Place:
    weights, left_out = {}, []
    for name, value in tensors.items():
        if name.startswith(prefix):
            own = [part for part in name[len(prefix) :].split(".") if part not in _WRAPPERS]
            weights[".".join(own)] = value
        else:
            left_out.append(name)
    return Place(keys, prefix, weights, tuple(left_out))
