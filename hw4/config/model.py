"""`model=`: what the configuration of every model has; `hw4/models/<name>/config.py` has the rest."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hw4.config.fields import MAX_SEED, Checked, key
from hw4.config.stages import POSE, PREDICT
from hw4.core.errors import ConfigError


@dataclass
class ModelConfig(Checked, at="model"):
    """Keys that every model has; a model's own class adds its keys and gives `name` its default."""

    name: str = "???"
    seed_decides: ClassVar[bool] = False
    """Whether its reconstructions depend on the key `seed`, whatever the weights."""
    thread_safe: ClassVar[bool] = False
    """As its model says of itself: samples are then worked on in threads, and need no processes."""
    group: ClassVar[int] = 1
    """Samples that a process takes together; of a model that takes batches, several batches."""

    @property
    def is_small(self) -> bool:
        """Whether a sample leaves other cores idle, so that several at a time are worth a process each."""
        return False

    def files(self) -> list[Path]:
        """Files and folders that these keys name: a finished job is done again where they have changed."""
        return []

    def check_views(self, n: int) -> None:
        """Refuse n views where these keys rule them out, before anything is computed.

        Raises:
            ConfigError: as said.
        """


def _seed_is_read(config: Any, stage: str) -> bool:
    # Other weights are read, and the other stages' choices have their own seeds.
    return config.model.weights == "random" or (stage in (POSE, PREDICT) and config.model.seed_decides)


# Bytes of weights; those of the small networks have some 10 MB, the official ones hundreds.
SMALL = 64 * 2**20
# Scenes that go to a process together, of models that take several in a batch.
GROUP = 12
# Eight-bit integers for the linear layers of the transformers.
INT8 = "int8"


def dtype_key(*more: str) -> Any:
    """The field of `dtype`, for a model that has more choices than every network."""
    return key("auto", choices=("auto", "float32", "bfloat16", "float16", *more))


def weights_key(default: str) -> Any:
    """The field of `weights`, for a model with another default than `NetworkConfig`'s."""
    return key(default, valid=bool, otherwise="is empty: give tiny, official, random, a hub name or a file")


@dataclass
class NetworkConfig(ModelConfig):
    """Keys of a model with weights.

    `weights` is ``tiny`` (ships with the project, for the models that have it), ``official`` (fetched from
    the hub), ``random`` (a small randomly initialised network, for checking the plumbing), a hub name
    ``owner/name``, or a local file (``.pth``, ``.pt``, ``.safetensors``). `device`
    ``auto`` is CUDA where there is a GPU, else the CPU; ``mps`` is Apple's GPU. `seed`: of random weights,
    and of whatever else the model draws in `task=pose` and `task=predict`.
    """

    weights: str = weights_key("tiny")
    device: str = key(
        "auto",
        valid=re.compile(r"auto|cpu|mps|cuda(:\d+)?").fullmatch,
        otherwise="is not a choice; choose one of: auto, cpu, cuda, cuda:<number>, mps",
    )
    dtype: str = dtype_key()
    # OpenCV's generator takes 31 bits.
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True, read_if=_seed_is_read)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dtype == INT8 and self.device not in ("auto", "cpu"):
            raise ConfigError(
                f"model.dtype={INT8} is for a CPU, and model.device={self.device}; use model.dtype=bfloat16 "
                "there, or model.device=cpu."
            )

    @property
    def is_small(self) -> bool:
        """See `ModelConfig.is_small`: the networks that ship with the project, or their like, on a CPU."""
        if self.device not in ("auto", "cpu"):
            return False
        if self.weights in ("tiny", "random"):
            return True
        file = Path(self.weights).expanduser()
        return file.is_file() and file.stat().st_size < SMALL

    def files(self) -> list[Path]:
        """See `ModelConfig.files`."""
        return [Path(self.weights).expanduser()]
