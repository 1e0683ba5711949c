"""DUSt3R's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.spec import ModelLabels, ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel


def _build(config: Dust3rConfig) -> "ReconstructionModel":
    from hw4.models.dust3r.model import Dust3rModel

    return Dust3rModel.from_config(config)


def _labels(config: Dust3rConfig) -> ModelLabels:
    from hw4.models.network.weights import weights_fingerprint, weights_label

    return ModelLabels(weights_label(config), weights_fingerprint(config))


SPEC = ModelSpec("dust3r", "DUSt3R", Dust3rConfig, _build, _labels, dense=True, headline=0)
