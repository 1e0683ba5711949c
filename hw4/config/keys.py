"""The dotted names of everything that can be set."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_type_hints

from hw4.config import DATA_NODES, MODEL_NODES, Config

GROUPS = ("model", "input", "splat", "data", "wandb", "experiment")


def field_names(node: type, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of a config dataclass."""
    hints = get_type_hints(node)
    for item in fields(node):
        name = f"{prefix}{item.name}"
        yield name
        kind = hints[item.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from field_names(kind, f"{name}.")


def known_keys() -> list[str]:
    """Every key that some choice of groups has."""
    keys = set(field_names(Config)) | set(GROUPS)
    for group, nodes in (("model", MODEL_NODES), ("data", DATA_NODES)):
        for node in nodes.values():
            keys |= set(field_names(node, f"{group}."))
    return sorted(keys)
