"""Frames by optical flow: both photos are warped part of the way, then blended."""

from collections.abc import Sequence

import cv2
import numpy as np

from hw4.interpolate.base import InterpolationFailed, Interpolator, times

# DIS searches patches of 8 pixels on a pyramid; smaller photos leave it nothing to search.
MIN_EDGE = 16


def _warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The image sampled at each pixel plus its flow (H, W, 2) in pixels; outside, its edge repeats."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    map_x, map_y = x + flow[..., 0].astype(np.float32), y + flow[..., 1].astype(np.float32)
    return cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


class DisFlow(Interpolator):
    """OpenCV's DIS flow (Kroeger et al., ECCV 2016) in both directions.

    The flow from the frame in between to either photo is approximated from those two as in Super SloMo
    (Jiang et al., CVPR 2018); a baseline for small motion, not for photos far apart.
    """

    name = "dis"

    def frames(self, first: np.ndarray, last: np.ndarray, count: int) -> Sequence[np.ndarray]:
        """Warped blends; at both ends the flow is zero, so they are the photos themselves."""
        if min(first.shape[:2]) < MIN_EDGE:
            raise InterpolationFailed(
                f"photos of {first.shape[1]}x{first.shape[0]} pixels are too small for optical flow: "
                f"at least {MIN_EDGE} are needed"
            )
        grays = [cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) for photo in (first, last)]
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        forward = dis.calc(grays[0], grays[1], None)  # type: ignore[call-overload]
        backward = dis.calc(grays[1], grays[0], None)  # type: ignore[call-overload]
        made = []
        for t in times(count):
            to_first = -(1 - t) * t * forward + t * t * backward
            to_last = (1 - t) ** 2 * forward - t * (1 - t) * backward
            blend = (1 - t) * _warp(first, to_first) + t * _warp(last, to_last)
            made.append(np.rint(blend).astype(np.uint8))
        return made

    def options(self) -> dict[str, object]:
        """The preset is fixed."""
        return {"method": self.name, "preset": "medium"}
