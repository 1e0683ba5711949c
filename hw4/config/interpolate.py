"""`interpolate.*`: how `task=interpolate` makes the frames between two photos."""

import re
from dataclasses import dataclass, field

from hw4.config.fields import in_range, one_of
from hw4.core.errors import ConfigError

CROSSFADE, DIS, VIDEO = "crossfade", "dis", "video"


@dataclass
class VideoConfig:
    """`interpolate.method=video`: a first-and-last-frame video pipeline of diffusers, on a CUDA GPU.

    `model` is a hub name or a folder. `frames` are generated (Wan needs 4n + 1), of which
    `interpolate.frames` are kept, spread evenly. `reverse` generates from the second photo to the first
    and stores the frames in the pair's order: InterPose uses both directions, since video models favour one.
    """

    model: str = "Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers"
    prompt: str = "A camera moves through a static scene, smooth motion, nothing in the scene moves."
    frames: int = 81
    steps: int = 50
    guidance: float = 5.5
    seed: int = 0
    reverse: bool = False

    def __post_init__(self) -> None:
        in_range("interpolate.video.frames", self.frames, 3)
        in_range("interpolate.video.steps", self.steps, 1)
        in_range("interpolate.video.seed", self.seed, 0)


@dataclass
class InterpolateConfig:
    """`task=interpolate`: frames are written as ``<out>/<idx>/<generator>/<idx>_frame<N>.png``.

    `frames` counts the first and last, which show the photos. `long_edge` is their size in pixels (never
    enlarged; null: as the photos). `generator` names the folder; null: the method, for `video` with its seed.
    `out` null: the data's own folder of interpolated frames, where `input=interpolated` finds them.
    """

    method: str = CROSSFADE
    frames: int = 16
    long_edge: int | None = 512
    generator: str | None = None
    out: str | None = None
    video: VideoConfig = field(default_factory=VideoConfig)

    def __post_init__(self) -> None:
        one_of("interpolate.method", self.method, (CROSSFADE, DIS, VIDEO))
        in_range("interpolate.frames", self.frames, 3, 1000)
        in_range("interpolate.long_edge", self.long_edge, 16)
        if self.generator is not None and not re.fullmatch(r"[A-Za-z0-9_][\w.+-]*", self.generator):
            raise ConfigError(
                f"interpolate.generator={self.generator!r} names a folder: letters, digits and _ . + - only."
            )

    @property
    def folder(self) -> str:
        """Name of the folder that the frames of one pair go to."""
        if self.generator is not None:
            return self.generator
        if self.method != VIDEO:
            return self.method
        return f"video_{self.video.seed}" + ("_reversed" if self.video.reverse else "")
