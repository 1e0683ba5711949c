"""A sample of N views with the truth of every view."""

from dataclasses import dataclass

from hw4.data.pairs.samples import PairSample
from hw4.data.views.depth import DepthFile


@dataclass(frozen=True)
class SampleViews(PairSample):
    """N views of one scene, all of which a model sees and all of which are scored.

    Differs from a `PairSample` of a pair with frames between in that each of `image_paths` has a true
    camera: `cam_from_world` is (N, 4, 4) float64 world-to-camera, in any world frame and scale, with every
    translation known, and `Ks` (N, 3, 3) in pixels of the photos as they are read, NaN where unknown, or
    None. Both are None where no truth was asked for, or `problem` says why the sample cannot be used.

    The prediction of one has `cam_from_world` (N, 4, 4), NaN for a view that the model did not place, and
    `Ks` (N, 3, 3) in the same pixels; its `status` is ``ok`` if at least two views are placed.

    Attributes:
        scene: name of the scene; samples of one scene are not independent of each other.
        names: N names of the views in the scene.
        depths: N true depth maps (`hw4.data.views.depth.read_depth`), None for a view without; None: the data
            set has none.
    """

    scene: str = ""
    names: tuple[str, ...] = ()
    depths: tuple[DepthFile | None, ...] | None = None
