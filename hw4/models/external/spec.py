"""An external program's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.external.config import ExternalConfig
from hw4.models.spec import ModelLabels, ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel


def _build(config: ExternalConfig) -> "ReconstructionModel":
    from hw4.models.external.model import ExternalModel

    return ExternalModel(config)


def _labels(config: ExternalConfig) -> ModelLabels:
    from hw4.models.external.hello import labels

    return labels(config)


SPEC = ModelSpec("external", "external", ExternalConfig, _build, _labels)
