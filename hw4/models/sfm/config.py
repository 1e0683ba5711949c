"""`model=sfm`: the keys of structure from motion."""

from dataclasses import dataclass

from hw4.config.fields import in_range, one_of
from hw4.config.model import ModelConfig


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
