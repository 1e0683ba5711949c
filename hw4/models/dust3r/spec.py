"""DUSt3R's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.spec import ModelLabels, ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel
    from hw4.models.network.training import Trainable
    from hw4.models.network.weights import KnownWeights


def _build(config: Dust3rConfig) -> "ReconstructionModel":
    from hw4.models.dust3r.model import Dust3rModel

    return Dust3rModel.from_config(config)


def _labels(config: Dust3rConfig) -> ModelLabels:
    from hw4.models.dust3r.weights import WEIGHTS
    from hw4.models.network.weights import network_labels

    return network_labels(config, WEIGHTS)


def _weights() -> "KnownWeights":
    from hw4.models.dust3r.weights import WEIGHTS

    return WEIGHTS


def _trainable() -> "Trainable":
    from hw4.models.dust3r.training import TRAINABLE

    return TRAINABLE


SPEC = ModelSpec(
    "dust3r",
    "DUSt3R",
    Dust3rConfig,
    _build,
    _labels,
    _trainable,
    dense=True,
    headline=0,
    weights=_weights,
    wheels=(INSTANTSPLAT,),
)
