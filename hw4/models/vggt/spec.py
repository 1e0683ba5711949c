"""VGGT's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.spec import ModelLabels, ModelSpec
from hw4.models.vggt.config import VggtConfig

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel
    from hw4.models.network.training import Trainable
    from hw4.models.network.weights import KnownWeights


def _build(config: VggtConfig) -> "ReconstructionModel":
    from hw4.models.vggt.model import VggtModel

    return VggtModel.from_config(config)


def _labels(config: VggtConfig) -> ModelLabels:
    from hw4.models.network.weights import network_labels
    from hw4.models.vggt.weights import WEIGHTS

    return network_labels(config, WEIGHTS)


def _weights() -> "KnownWeights":
    from hw4.models.vggt.weights import WEIGHTS

    return WEIGHTS


def _trainable() -> "Trainable":
    from hw4.models.vggt.training import TRAINABLE

    return TRAINABLE


SPEC = ModelSpec(
    "vggt",
    "VGGT",
    VggtConfig,
    _build,
    _labels,
    _trainable,
    dense=True,
    headline=1,
    weights=_weights,
    wheels=(INSTANTSPLAT,),
)
