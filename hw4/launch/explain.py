"""Turn Hydra's composition errors into one sentence that names the key and the nearest valid one."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml.error import MarkedYAMLError

from hw4.config.decides import field_names, known_keys
from hw4.config.fields import nearest
from hw4.core.errors import ConfigError, causes
from hw4.data.registry import data_configs
from hw4.models.registry import model_configs

SEE_KEYS = " See `python -m hw4 --cfg job` for all keys."


def unknown_key(key: str) -> ConfigError:
    """The error for a key that no config dataclass has, or that the chosen group option lacks."""
    nodes: dict[str, Mapping[str, type]] = {"model": model_configs(), "data": data_configs()}
    keys = known_keys(**nodes)
    group = key.split(".")[0]
    if key in keys:
        owners = nodes.get(group, {})
        having = [name for name, node in owners.items() if key in set(field_names(node, f"{group}."))]
        where = " or ".join(f"{group}={name}" for name in having)
        return ConfigError(f"there is no key {key} with this {group}=; it belongs to {where}.")
    close = nearest(key, keys)
    candidates = [close] if close else []
    if not candidates:
        last = nearest(key.split(".")[-1], [k.split(".")[-1] for k in keys])
        candidates = sorted(k for k in keys if k.split(".")[-1] == last)[:4]
    hint = f" Did you mean {' or '.join(candidates)}?" if candidates else SEE_KEYS
    return ConfigError(f"there is no key {key}.{hint}")


def explain(error: BaseException) -> ConfigError | None:
    """The sentence for a Hydra or OmegaConf error, or None for any other exception."""
    if isinstance(error, ConfigError):
        return error
    if isinstance(error, ValueError) and str(error).startswith("Config group override must be"):
        return ConfigError(
            "a group (model, input, splat, data, wandb) cannot be null; see python -m hw4 --help."
        )
    if isinstance(error, MarkedYAMLError):
        mark, problem = error.problem_mark, (error.problem or "is no YAML").replace("\n", " ")
        where = "a YAML file" if mark is None else f"{mark.name}, line {mark.line + 1}"
        return ConfigError(f"{where}: {problem}; mend it, with plain values only.")
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    text = "\n".join(str(e) for e in causes(error))
    if found := re.search(
        r"Could not find '([\w/]+)/([^'\n]*)'\s+Available options in '\S+':\n((?:\t.*\n?)+)", text
    ):
        group, option = found[1], found[2]
        options = [line.strip() for line in found[3].splitlines() if line.strip()]
        close = nearest(option, options)
        hint = f" Did you mean {group}={close}?" if close else ""
        what = "is not a choice" if option else "names nothing"
        return ConfigError(f"{group}={option} {what}; choose one of: {', '.join(options)}.{hint}")
    if found := re.search(r"Could not override '([^']+)'", text):
        return unknown_key(found[1])
    found = re.search(r"Error merging override ([\w.]+)=", text)
    if found and "is not a ListConfig" in text:
        return ConfigError(f"{found[1]} takes a list: give it in brackets, as in {found[1]}=[a,b].")
    if found := re.search(r"(Value .*)\n\s+full_key: (\S+)", text):
        return ConfigError(f"{found[2]}: {found[1].lower().replace('value', 'the value', 1)}.")
    if found := re.search(r"field '([\w.]+)' is not Optional", text):
        return ConfigError(f"{found[1]}=null is impossible: it must have a value.")
    if isinstance(error, OverrideParseException):
        return ConfigError(
            f"{error.override} could not be understood: a value with special characters needs quotes within "
            "quotes, as in 'name=\"a; b\"', and every bracket its other half."
        )
    first = str(error).split("\nSee ")[0].replace("\n", " ")
    return ConfigError(f"the command line could not be understood: {first}")


def refuse_unknown(composed: Any, node: type, prefix: str = "") -> None:
    """Refuse keys that `+key=value` appended but no dataclass reads.

    Raises:
        ConfigError: the first such key.
    """
    names = {item.name for item in fields(node)}
    for key in composed:
        if key not in names:
            raise unknown_key(f"{prefix}{key}")
        if composed._get_node(key)._is_none():
            continue
        child = composed._get_node(key)._metadata.object_type
        if is_dataclass(child) and isinstance(child, type):
            refuse_unknown(composed[key], child, f"{prefix}{key}.")
