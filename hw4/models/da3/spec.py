"""Depth Anything 3's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.da3.config import Da3Config
from hw4.models.da3.wheel import WHEEL
from hw4.models.spec import ModelLabels, ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel
    from hw4.models.network.weights import KnownWeights


def _build(config: Da3Config) -> "ReconstructionModel":
    from hw4.models.da3.model import Da3Model

    return Da3Model.from_config(config)


def _labels(config: Da3Config) -> ModelLabels:
    from hw4.models.da3.weights import known_weights
    from hw4.models.network.weights import network_labels

    return network_labels(config, known_weights(config.size))


def _weights() -> "KnownWeights":
    from hw4.models.da3.weights import known_weights

    return known_weights()


SPEC = ModelSpec(
    "da3", "Depth Anything 3", Da3Config, _build, _labels, dense=True, weights=_weights, wheels=(WHEEL,)
)
