"""The one place that turns `interpolate.method` into an interpolator."""

from hw4.config.interpolate import DIS, VIDEO, InterpolateConfig
from hw4.interpolate.base import Interpolator


def build_interpolator(config: InterpolateConfig) -> Interpolator:
    """The interpolator of a configuration, ready to use. Only `video` imports torch and diffusers.

    Raises:
        UserError: what it needs (package, GPU, weights) is missing.
    """
    if config.method == VIDEO:
        from hw4.interpolate.video import VideoInterpolator

        return VideoInterpolator(config.video)
    if config.method == DIS:
        from hw4.interpolate.flow import DisFlow

        return DisFlow()
    from hw4.interpolate.crossfade import Crossfade

    return Crossfade()
