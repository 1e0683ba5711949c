"""`model=`: what the configuration of every model has; `hw4/models/<name>/config.py` has the rest."""

from dataclasses import dataclass
from typing import ClassVar

from hw4.config.fields import in_range, one_of
from hw4.core.errors import ConfigError


@dataclass
class ModelConfig:
    """Keys that every model has; a model's own class adds its keys and gives `name` its default."""

    name: str = "???"
    seed_decides: ClassVar[bool] = False
    """Whether its reconstructions depend on the key `seed`, whatever the weights."""

    def check_views(self, n: int) -> None:
        """Refuse n views where these keys rule them out, before anything is computed.

        Raises:
            ConfigError: as said.
        """


@dataclass
class NetworkConfig(ModelConfig):
    """Keys of a model with weights.

    `weights` is ``tiny`` (ships with the project), ``official`` (fetched from the hub), ``random`` (a small
    randomly initialised network, for checking the plumbing), a hub name ``owner/name``, or a local file
    (``.pth``, ``.pt``, ``.safetensors``). `seed`: of random weights, and of whatever else
    the model draws in `task=pose`.
    """

    weights: str = "tiny"
    device: str = "auto"
    dtype: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("model.device", self.device, ("auto", "cpu", "cuda"))
        one_of("model.dtype", self.dtype, ("auto", "float32", "bfloat16"))
        # OpenCV's generator takes 31 bits.
        in_range("model.seed", self.seed, 0, 2**31 - 1)
        if not self.weights:
            raise ConfigError("model.weights is empty: give tiny, official, random, a hub name or a file.")
