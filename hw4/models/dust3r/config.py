"""`model=dust3r`: the keys of DUSt3R."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from hw4.config.fields import Checked, group, key
from hw4.config.input import INTERPOLATED
from hw4.config.model import INT8, NetworkConfig, dtype_key
from hw4.config.stages import POSE, PREDICT
from hw4.core.errors import ConfigError

FAIL, IDENTITY = "fail", "identity"
# Who runs the iterations of the alignment of point maps.
POINTS = ("fast", "upstream")
FLOAT32 = "float32"


def has_many_views(config: Any, stage: str) -> bool:
    """Whether a stage of a run gives the model more than two views."""
    of_pairs = "views" not in config.data.provides
    return stage not in (POSE, PREDICT) or config.input.name == INTERPOLATED or not of_pairs


def aligns_points(config: Any, stage: str) -> bool:
    """Whether a stage of a run aligns point maps globally."""
    return has_many_views(config, stage) and config.model.alignment.backend in POINTS


def _solves_pnp(config: Any, stage: str) -> bool:
    return not has_many_views(config, stage) or aligns_points(config, stage)


@dataclass
class AlignmentConfig(Checked, at="model.alignment"):
    """DUSt3R's cameras: PnP, scene graph and global alignment (upstream `dust3r.cloud_opt`).

    `backend`: who runs the iterations; ``fast`` takes ``upstream``'s steps, up to rounding, in a fraction of
    the time. `precision`: of the predicted points that the alignment reads; ``float16`` (with ``fast``) takes
    half of the memory and disk. `on_pnp_failure`: where upstream's PnP finds no camera, ``fail`` tries other
    solvers, and then the view has none; ``identity`` leaves it at the identity, as upstream does. All other
    keys are for more than two views.
    """

    scene_graph: str = key(
        "complete",
        valid=re.compile(r"complete|swin-[1-9]\d*(-noncyclic)?|oneref-\d+").fullmatch,
        otherwise="is not a choice; choose one of: complete, swin-<k>, oneref-<k>",
        read_if=has_many_views,
    )
    backend: str = key("fast", choices=POINTS, read_if=has_many_views)
    precision: str = key(FLOAT32, choices=(FLOAT32, "float16"), read_if=aligns_points)
    iterations: int = key(300, low=0, read_if=aligns_points)
    lr: float = key(0.01, low=0, low_open=True, read_if=aligns_points)
    schedule: str = key("linear", choices=("linear", "cosine"), read_if=aligns_points)
    min_conf_thr: float = key(3.0, low=0, read_if=aligns_points)
    pnp_iterations: int = key(10, low=1, read_if=aligns_points)
    on_pnp_failure: str = key(FAIL, choices=(FAIL, IDENTITY), read_if=_solves_pnp)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision != FLOAT32 and self.backend == "upstream":
            raise ConfigError(
                f"model.alignment.precision={self.precision} is for model.alignment.backend=fast: upstream's "
                "loop works in float32."
            )

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

    `batch_size`: image pairs that go through a network together that is not upstream's own; hw4's pass over
    upstream's chooses what suits it. `dtype` ``int8`` is for a CPU.
    """

    name: str = "dust3r"
    # That of RANSAC and of the alignment.
    seed_decides: ClassVar[bool] = True
    image_size: int | None = key(None, low=16)
    batch_size: int = key(1, low=1, decides="nothing")
    dtype: str = dtype_key(INT8)
    alignment: AlignmentConfig = group(AlignmentConfig)

    def check_views(self, n: int) -> None:
        """See `ModelConfig.check_views`: the scene graph must not refer to a view that is not there."""
        self.alignment.check_views(n)
