"""Tell Hydra about the typed configuration."""

from collections.abc import Mapping
from dataclasses import fields, make_dataclass
from functools import cache

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hw4.config import Config, DataConfig, ModelConfig
from hw4.config.root import config_type
from hw4.core.errors import ConfigError, UserError, brief
from hw4.data.registry import check, data_configs
from hw4.launch.gpus import one_gpu
from hw4.launch.help import register_words
from hw4.models.registry import model_configs


@cache
def schema() -> type:
    """The configuration's fields, with `model` and `data` left open: the chosen option decides theirs."""
    open_groups = [(name, kind, MISSING) for name, kind in (("model", ModelConfig), ("data", DataConfig))]
    return make_dataclass("Schema", open_groups, bases=(config_type(),))


def register() -> None:
    """Register the schema, and every model and data set as an option of its group; safe to call twice."""
    register_words()
    ConfigStore.__deepcopy__ = _itself  # type: ignore[attr-defined]
    OmegaConf.register_new_resolver("hw4.one_gpu", one_gpu, replace=True)
    _store("schema", "config", schema())
    options: dict[str, Mapping[str, type]] = {"model": model_configs(), "data": data_configs()}
    for group, nodes in options.items():
        for name, node in nodes.items():
            _store(group, name, node)


def _itself(store: ConfigStore, memo: object) -> ConfigStore:
    """Hydra copies all it knows for each composition; of the store it takes nothing but copies anyway."""
    return store


def _store(group: str, name: str, node: type) -> None:
    store = ConfigStore.instance()
    stored = store.repo.get(group, {}).get(f"{name}.yaml")
    # Reading a dataclass takes Hydra longer than all else here.
    if stored is not None and OmegaConf.get_type(stored.node) is node:
        return
    try:
        store.store(group=group, name=name, node=node)
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(
            f"the keys of {group}={name} cannot be read by Hydra ({brief(error)}); mend {node.__module__}."
        ) from error


def to_config(composed: DictConfig) -> Config:
    """The typed configuration of a composed one; every dataclass checks its values here.

    Raises:
        ConfigError: a value that no run could use, or a mandatory key that is not set.
    """
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        raise ConfigError(f"{missing[0]} is not set; give {missing[0]}=... on the command line.")
    try:
        built = OmegaConf.to_object(composed)
    except MissingMandatoryValue as error:
        raise ConfigError(str(error)) from error
    kind = config_type()
    config = kind(**{item.name: getattr(built, item.name) for item in fields(kind)})
    check(config.data)
    return config
