"""The dotted names of everything that can be set."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import get_type_hints

from hw4.config import Config

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


def known_keys(**options: Mapping[str, type]) -> list[str]:
    """Every key that some choice of groups has.

    Args:
        options: for a group whose options differ in their keys, the config class of each option.
    """
    keys = set(field_names(Config)) | set(GROUPS)
    for group, nodes in options.items():
        for node in nodes.values():
            keys |= set(field_names(node, f"{group}."))
    return sorted(keys)
