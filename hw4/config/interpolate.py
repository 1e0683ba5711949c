"""`interpolate.*`: how `task=interpolate` makes the frames between two photos."""

import re
from dataclasses import dataclass

from hw4.config.fields import MAX_SEED, Checked, group, key

CROSSFADE, DIS, VIDEO = "crossfade", "dis", "video"


@dataclass
class VideoConfig(Checked, at="interpolate.video"):
    """`interpolate.method=video`: a first-and-last-frame video pipeline of diffusers, on a CUDA GPU.

    `model` is a hub name or a folder. `frames` are generated (Wan needs 4n + 1), of which
    `interpolate.frames` are kept, spread evenly. `reverse` generates from the second photo to the first
    and stores the frames in the pair's order: InterPose uses both directions, since video models favour one.
    """

    model: str = "Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers"
    prompt: str = "A camera moves through a static scene, smooth motion, nothing in the scene moves."
    frames: int = key(81, low=3)
    steps: int = key(50, low=1)
    guidance: float = 5.5
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True)
    reverse: bool = False


@dataclass
class InterpolateConfig(Checked, at="interpolate"):
    """`task=interpolate`: frames are written as ``<out>/<idx>/<generator>/<idx>_frame<N>.png``.

    `frames` counts the first and last, which show the photos. `long_edge` is their size in pixels (never
    enlarged; null: as the photos). `generator` names the folder; null: the method, for `video` with its seed.
    `out` null: the data's own folder of interpolated frames, where `input=interpolated` finds them.
    """

    method: str = key(CROSSFADE, choices=(CROSSFADE, DIS, VIDEO))
    frames: int = key(16, low=3, high=1000)
    long_edge: int | None = key(512, low=16)
    generator: str | None = key(
        None,
        valid=re.compile(r"[A-Za-z0-9_][\w.+-]*").fullmatch,
        otherwise="names a folder: letters, digits and _ . + - only",
    )
    out: str | None = key(None, decides="nothing")
    video: VideoConfig = group(VideoConfig, read_if=lambda config, _: config.interpolate.method == VIDEO)

    @property
    def folder(self) -> str:
        """Name of the folder that the frames of one pair go to."""
        if self.generator is not None:
            return self.generator
        if self.method != VIDEO:
            return self.method
        return f"video_{self.video.seed}" + ("_reversed" if self.video.reverse else "")
