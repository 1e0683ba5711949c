"""`model=vggt`: the keys of VGGT."""

from dataclasses import dataclass
from typing import ClassVar

from hw4.config.fields import key
from hw4.config.model import GROUP, INT8, NetworkConfig, dtype_key

NO_POINTS = "none"


@dataclass
class VggtConfig(NetworkConfig):
    """VGGT (Wang et al., CVPR 2025). `preprocess` is upstream's `load_and_preprocess_images` mode.

    `batch_size`: scenes of equal shapes that go through the network together; null: what suits the device.
    `pts3d_from`: where points are from; ``none``: cameras alone, without depths and clouds.
    `dtype` ``int8`` is for a CPU.
    """

    name: str = "vggt"
    group: ClassVar[int] = GROUP
    image_size: int | None = key(None, low=14)
    batch_size: int | None = key(None, low=1, decides="nothing")
    preprocess: str = key("crop", choices=("crop", "pad"))
    pts3d_from: str = key("depth", choices=("depth", "point_head", NO_POINTS))
    dtype: str = dtype_key(INT8)
