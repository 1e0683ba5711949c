"""`model=`: who predicts cameras and geometry."""

import re
from dataclasses import dataclass, field

from hw4.config.fields import in_range, one_of
from hw4.core.errors import ConfigError

SCENE_GRAPHS = "complete, swin-<k>, oneref-<k>"


@dataclass
class ModelConfig:
    """Keys that every model has."""

    name: str = "???"


@dataclass
class NetworkConfig(ModelConfig):
    """Keys of a model with weights.

    `weights` is ``tiny`` (ships with the project), ``official`` (fetched from the hub), ``random`` (a small
    randomly initialised network, for checking the plumbing), a hub name ``owner/name``, or a local file
    (``.pth``, ``.pt``, ``.safetensors``). `seed`: of random weights, and of DUSt3R's RANSAC and alignment in
    `task=pose`.
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
    image_size: int | None = None
    batch_size: int = 1
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("model.image_size", self.image_size, 16)
        in_range("model.batch_size", self.batch_size, 1)


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


@dataclass
class SfmConfig(ModelConfig):
    """Classical structure from motion with pycolmap.

    `intrinsics`: ``data`` uses the ground truth's K where the data has it (and guesses where not), ``guess``
    never looks at it: focal length 1.2 times the long edge, refined by the mapper.
    `max_image_size`: longer images are reduced to this long edge before features are found.
    `peak_threshold`: least contrast of a SIFT feature; half of COLMAP's, for blurred and dim rooms.
    `max_ratio`: a match must be this much nearer than the second-best one (Lowe's ratio).
    `min_inliers`: verified matches that a pair of views needs. `max_error`: RANSAC threshold in pixels.
    `overlap`: in a sequence, views at most this far apart are matched, and some farther ones; 0: all.
    """

    name: str = "sfm"
    intrinsics: str = "data"
    max_features: int = 4096
    max_image_size: int = 800
    peak_threshold: float = 0.0033
    max_ratio: float = 0.8
    min_inliers: int = 15
    max_error: float = 2.0
    overlap: int = 5

    def __post_init__(self) -> None:
        one_of("model.intrinsics", self.intrinsics, ("data", "guess"))
        in_range("model.max_features", self.max_features, 16)
        in_range("model.max_image_size", self.max_image_size, 32)
        in_range("model.peak_threshold", self.peak_threshold, 0, low_open=True)
        in_range("model.max_ratio", self.max_ratio, 0, 1, low_open=True)
        in_range("model.min_inliers", self.min_inliers, 5)
        in_range("model.max_error", self.max_error, 0, low_open=True)
        in_range("model.overlap", self.overlap, 0)


MODEL_NODES = {"dust3r": Dust3rConfig, "vggt": VggtConfig, "sfm": SfmConfig}
