"""Recorded configurations: read back typed, flattened, and compared."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast, get_type_hints

from omegaconf import OmegaConf

from hw4.config import Config, DataConfig, ModelConfig
from hw4.config.decides import tells_runs_apart
from hw4.config.root import config_type
from hw4.core.errors import UserError
from hw4.data.registry import data_configs
from hw4.models.registry import model_configs
from hw4.records.files import CONFIG, HYDRA_FOLDER


def as_config(config: dict[str, Any]) -> Config | None:
    """The typed configuration of a recorded one; None where it is lost or no longer valid.

    Keys that an older version did not have get today's defaults; keys that are gone are left out.
    """

    def build(node: Any, values: dict[str, Any]) -> Any:
        hints, known = get_type_hints(node), {}
        for item in fields(node):
            if item.name not in values:
                continue
            value, kind = values[item.name], hints[item.name]
            if isinstance(value, dict):
                options: dict[Any, Any] = {ModelConfig: model_configs(), DataConfig: data_configs()}
                nodes = options.get(kind, {})
                kind = nodes.get(value.get("name", ""), kind)
                value = build(kind, value) if is_dataclass(kind) else value
            known[item.name] = value
        return node(**known)

    try:
        return cast(Config, build(config_type(), config)) if "task" in config else None
    except (TypeError, ValueError, UserError):
        return None


def saved_config(folder: Path) -> dict[str, Any]:
    """What a run wrote before it began, or Hydra's copy of it; empty where both are lost.

    Nothing in it is resolved: a stranger's run must not ask for this machine's environment.
    """
    for path in (folder / CONFIG, folder / HYDRA_FOLDER / CONFIG):
        try:
            return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(path), resolve=False))
        except Exception:
            continue
    return {}


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dict to dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differing_settings(configs: Sequence[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """The dotted keys in which configurations differ, and the values of each under those that it has.

    A configuration that lacks a key which others have counts as differing in it.
    """
    flat = [flatten(config) for config in configs]
    differing = [
        key
        for key in sorted({key for config in flat for key in config})
        if tells_runs_apart(key)
        and len({json.dumps(config.get(key, "<absent>"), sort_keys=True) for config in flat}) > 1
    ]
    return differing, [{key: config[key] for key in differing if key in config} for config in flat]
