"""The models that there are: a folder each in this one, and what other packages offer as `hw4.models`."""

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hw4.config.fields import one_of
from hw4.config.model import ModelConfig
from hw4.core.errors import ConfigError, UserError
from hw4.core.plugins import with_plugins
from hw4.models.spec import ModelLabels, ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel
    from hw4.models.network.training import Trainable

GROUP = "hw4.models"


@cache
def models() -> dict[str, ModelSpec]:
    """Every model by name: this package's in alphabetical order, then those of other packages.

    Raises:
        UserError: another package's entry cannot be used, or its name is taken.
    """
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("*/spec.py"))
    specs = {name: importlib.import_module(f"hw4.models.{name}.spec").SPEC for name in folders}
    return with_plugins(GROUP, specs, ModelSpec, "model")


def model_configs() -> dict[str, type[ModelConfig]]:
    """The config class of each model."""
    return {name: spec.config for name, spec in models().items()}


def model_config(name: str, **keys: Any) -> ModelConfig:
    """What `model=<name>` with these keys is on the command line.

    Raises:
        ConfigError: no such model, or an impossible value of a key.
    """
    one_of("model", name, tuple(models()))
    return models()[name].config(**keys)


def spec_of(config: ModelConfig) -> ModelSpec:
    """The model that a configuration is of.

    Raises:
        ConfigError: there is none.
    """
    spec = models().get(config.name)
    if spec is None or not isinstance(config, spec.config):
        known = ", ".join(models())
        raise ConfigError(f"model={config.name!r} has no implementation; choose one of: {known}.")
    return spec


def model_labels(config: ModelConfig) -> ModelLabels:
    """Label and fingerprint of the weights that `build_model` would load; loads and downloads nothing large.

    Raises:
        UserError: the weights do not exist, or the configuration is of no model.
    """
    return spec_of(config).labels(config)


def build_model(config: ModelConfig) -> "ReconstructionModel":
    """The model of a configuration, with its weights loaded. Only models with weights import torch.

    Raises:
        UserError: missing or unusable weights, missing upstream package, no such device, or the configuration
            is of no model.
    """
    return spec_of(config).build(config)


def upstream_versions(config: ModelConfig) -> dict[str, str]:
    """Where a model's upstream packages are from, by distribution: a version, or the folder of a checkout.

    Raises:
        ConfigError: the configuration is of no model.
    """
    from hw4.models.network.upstream import origin

    return {wheel.distribution: origin(wheel) for wheel in spec_of(config).wheels}


def trainable(name: str) -> "Trainable":
    """How the small network of a model is trained.

    Raises:
        UserError: the model has none.
    """
    spec = models().get(name)
    if spec is None or spec.trainable is None:
        able = choices(lambda other: other.trainable is not None)
        raise UserError(f"model={name} has no weights to train; use {able}.")
    return spec.trainable()


def model_title(name: str) -> str:
    """The proper name of a model; of one that is not installed, its name."""
    spec = models().get(name)
    return spec.title if spec else name


def headline_models() -> list[ModelSpec]:
    """The models that a report is to compare, in order; the first is the one that others are held against."""
    found = [(spec.headline, spec) for spec in models().values() if spec.headline is not None]
    return [spec for _, spec in sorted(found, key=lambda pair: pair[0])]


def choices(fits: Callable[[ModelSpec], bool]) -> str:
    """The models that fit, as advice within a sentence: ``model=a or model=b``."""
    return " or ".join(f"model={spec.name}" for spec in models().values() if fits(spec))
