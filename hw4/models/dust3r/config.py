"""`model=dust3r`: the keys of DUSt3R."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

from hw4.config.fields import in_range, one_of
from hw4.config.model import NetworkConfig
from hw4.core.errors import ConfigError

SCENE_GRAPHS = "complete, swin-<k>, oneref-<k>"


@dataclass
class AlignmentConfig:
    """DUSt3R on more than two views: scene graph and global alignment (upstream `dust3r.cloud_opt`).

    `backend`: who runs the iterations; ``fast`` takes ``upstream``'s steps, up to rounding, in a fraction of
    the time.
    """

    scene_graph: str = "complete"
    backend: str = "fast"
    iterations: int = 300
    lr: float = 0.01
    schedule: str = "linear"
    min_conf_thr: float = 3.0
    pnp_iterations: int = 10

    def __post_init__(self) -> None:
        if not re.fullmatch(r"complete|swin-[1-9]\d*(-noncyclic)?|oneref-\d+", self.scene_graph):
            raise ConfigError(
                f"model.alignment.scene_graph={self.scene_graph!r} is not a choice; "
                f"choose one of: {SCENE_GRAPHS}."
            )
        one_of("model.alignment.backend", self.backend, ("fast", "upstream"))
        one_of("model.alignment.schedule", self.schedule, ("linear", "cosine"))
        in_range("model.alignment.iterations", self.iterations, 0)
        in_range("model.alignment.lr", self.lr, 0, low_open=True)
        in_range("model.alignment.min_conf_thr", self.min_conf_thr, 0)
        in_range("model.alignment.pnp_iterations", self.pnp_iterations, 1)

    def check_views(self, n: int) -> None:
        """Refuse a scene graph that refers to a view which n > 2 views do not have (two views need none).

        Raises:
            ConfigError: as said.
        """
        kind, _, number = self.scene_graph.partition("-")
        if n > 2 and kind == "oneref" and int(number) >= n:
            raise ConfigError(
                f"model.alignment.scene_graph={self.scene_graph} refers to a view that {n} views "
                f"do not have; use oneref-0 to oneref-{n - 1}."
            )


@dataclass
class Dust3rConfig(NetworkConfig):
    """DUSt3R (Wang et al., CVPR 2024). `image_size` is the long edge in pixels; null: the weights' own.

    `batch_size`: image pairs that go through the network together, for two views; with more views the network
    chooses what suits it.
    """

    name: str = "dust3r"
    # That of RANSAC and of the alignment.
    seed_decides: ClassVar[bool] = True
    image_size: int | None = None
    batch_size: int = 1
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("model.image_size", self.image_size, 16)
        in_range("model.batch_size", self.batch_size, 1)

    def check_views(self, n: int) -> None:
        """See `ModelConfig.check_views`: the scene graph must not refer to a view that is not there."""
        self.alignment.check_views(n)
