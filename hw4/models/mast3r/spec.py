"""MASt3R's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.mast3r.config import Mast3rConfig
from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.spec import ModelLabels, ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel
    from hw4.models.network.weights import KnownWeights


def _build(config: Mast3rConfig) -> "ReconstructionModel":
    from hw4.models.mast3r.model import Mast3rModel

    return Mast3rModel.from_config(config)


def _labels(config: Mast3rConfig) -> ModelLabels:
    from hw4.models.mast3r.weights import WEIGHTS
    from hw4.models.network.weights import network_labels

    return network_labels(config, WEIGHTS)


def _weights() -> "KnownWeights":
    from hw4.models.mast3r.weights import WEIGHTS

    return WEIGHTS


SPEC = ModelSpec(
    "mast3r", "MASt3R", Mast3rConfig, _build, _labels, dense=True, weights=_weights, wheels=(INSTANTSPLAT,)
)
