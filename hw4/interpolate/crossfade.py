"""The emptiest video between two photos: one fades into the other, nothing moves."""

from collections.abc import Sequence

import numpy as np

from hw4.interpolate.base import Interpolator, times


class Crossfade(Interpolator):
    """Linear blend of the 8-bit values. The frames hold no parallax, as `hw4.pose.crossfade` says of them."""

    name = "crossfade"

    def frames(self, first: np.ndarray, last: np.ndarray, count: int) -> Sequence[np.ndarray]:
        """The blends; the first and last are the photos themselves."""
        return [np.rint((1 - t) * first + t * last).astype(np.uint8) for t in times(count)]

    def options(self) -> dict[str, object]:
        """Nothing can be set."""
        return {"method": self.name}
