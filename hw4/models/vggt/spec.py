"""VGGT's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.spec import ModelLabels, ModelSpec
from hw4.models.vggt.config import VggtConfig

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel


def _build(config: VggtConfig) -> "ReconstructionModel":
    from hw4.models.vggt.model import VggtModel

    return VggtModel.from_config(config)


def _labels(config: VggtConfig) -> ModelLabels:
    from hw4.models.network.weights import weights_fingerprint, weights_label

    return ModelLabels(weights_label(config), weights_fingerprint(config))


SPEC = ModelSpec("vggt", "VGGT", VggtConfig, _build, _labels, dense=True, headline=1)
