"""The one place that turns a model's configuration into a model."""

from dataclasses import dataclass

from hw4.config.model import Dust3rConfig, ModelConfig, NetworkConfig, SfmConfig, VggtConfig
from hw4.core.errors import ConfigError
from hw4.models.base import ReconstructionModel


@dataclass(frozen=True)
class ModelLabels:
    """What a run says about its model before building it.

    Attributes:
        weights: for tables: ``tiny``, ``official``, ``random weights``, ``none``, or a file or hub name.
        fingerprint: identifies the weights' content, for cache addresses; empty for a model without.
    """

    weights: str
    fingerprint: str


def model_labels(config: ModelConfig) -> ModelLabels:
    """Label and fingerprint of the weights that `build_model` would load; loads and downloads nothing large.

    Raises:
        UserError: the weights do not exist.
    """
    if not isinstance(config, NetworkConfig):
        return ModelLabels("none", "")
    from hw4.models.network.weights import weights_fingerprint, weights_label

    return ModelLabels(weights_label(config), weights_fingerprint(config))


def build_model(config: ModelConfig) -> ReconstructionModel:
    """The model of a configuration, with its weights loaded. Only models with weights import torch.

    Raises:
        UserError: missing or unusable weights, missing upstream package, or no such device.
        ConfigError: the configuration belongs to no known model.
    """
    if isinstance(config, SfmConfig):
        from hw4.models.sfm.model import SfmModel

        return SfmModel(config)
    if isinstance(config, Dust3rConfig):
        from hw4.models.dust3r.model import Dust3rModel

        return Dust3rModel.from_config(config)
    if isinstance(config, VggtConfig):
        from hw4.models.vggt.model import VggtModel

        return VggtModel.from_config(config)
    raise ConfigError(f"model={config.name!r} has no implementation.")
