"""Focal lengths where none can be estimated."""

import math


def default_focal(height: int, width: int) -> float:
    """Focal length in pixels of a 60° view over the long edge: upstream's own prior."""
    return max(height, width) / (2 * math.tan(math.radians(30)))


def usable_focal(focal: float) -> bool:
    """Whether a focal length can be a camera's."""
    return math.isfinite(focal) and focal > 1e-3
