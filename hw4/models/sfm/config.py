"""`model=sfm`: the keys of structure from motion."""

from dataclasses import dataclass
from typing import ClassVar

from hw4.config.fields import key
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
    `threads`: photos, and pairs of them, that are worked on at a time; null: one for each core.
    `overlap`: in a sequence, views at most this far apart are matched, and some farther ones; 0: all.
    """

    name: str = "sfm"
    thread_safe: ClassVar[bool] = True
    intrinsics: str = key("data", choices=("data", "guess"))
    max_features: int = key(4096, low=16)
    max_image_size: int = key(800, low=32)
    peak_threshold: float = key(0.0033, low=0, low_open=True)
    max_ratio: float = key(0.8, low=0, high=1, low_open=True)
    min_inliers: int = key(15, low=5)
    max_error: float = key(2.0, low=0, low_open=True)
    overlap: int = key(5, low=0)
    threads: int | None = key(None, low=1, decides="nothing")
