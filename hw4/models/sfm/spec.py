"""Structure from motion's row of the registry."""

from typing import TYPE_CHECKING

from hw4.models.sfm.config import SfmConfig
from hw4.models.spec import ModelSpec

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel


def _build(config: SfmConfig) -> "ReconstructionModel":
    from hw4.models.sfm.model import SfmModel

    return SfmModel(config)


SPEC = ModelSpec("sfm", "sfm", SfmConfig, _build)
