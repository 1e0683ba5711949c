"""`model=vggt`: the keys of VGGT."""

from dataclasses import dataclass

from hw4.config.fields import in_range, one_of
from hw4.config.model import NetworkConfig


@dataclass
class VggtConfig(NetworkConfig):
    """VGGT (Wang et al., CVPR 2025). `preprocess` is upstream's `load_and_preprocess_images` mode.

    `batch_size`: scenes of equal shapes that go through the network together; null: what suits the device.
    """

    name: str = "vggt"
    image_size: int | None = None
    batch_size: int | None = None
    preprocess: str = "crop"
    pts3d_from: str = "depth"

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("model.image_size", self.image_size, 14)
        in_range("model.batch_size", self.batch_size, 1)
        one_of("model.preprocess", self.preprocess, ("crop", "pad"))
        one_of("model.pts3d_from", self.pts3d_from, ("depth", "point_head"))
