"""DUSt3R's raw output, checked: what is not finite is put out of weight before anything is solved from it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hw4.geometry.pnp import PointShape, diagnose_points
from hw4.models.base import ReconstructionFailed

# Beyond this, squared distances overflow float32; DUSt3R's scenes are of the order of 1.
LARGEST = 1e6


@dataclass
class ViewPoints:
    """What the network says about one view.

    Attributes:
        bad_share: share of its predicted pixels that were not finite, or beyond `LARGEST`.
        shape: of the view's own, most confident pointmap.
    """

    bad_share: float
    shape: PointShape


def check_pointmaps(output: dict[str, Any], n_views: int) -> list[ViewPoints]:
    """Put non-finite points at the origin with the lowest confidence (1: weight log 1 = 0), in place.

    Args:
        output: of `dust3r.inference.inference`.
        n_views: number of photos N.

    Returns:
        One entry per view.

    Raises:
        ReconstructionFailed: most of the output is not finite.
    """
    bad = np.zeros(n_views)
    total = np.zeros(n_views)
    best: dict[int, tuple[float, np.ndarray]] = {}
    for side, points_key in (("1", "pts3d"), ("2", "pts3d_in_other_view")):
        prediction, views = output[f"pred{side}"], output[f"view{side}"]["idx"]
        for pair, view in enumerate(views):
            points, conf = prediction[points_key][pair], prediction["conf"][pair]
            good = torch.isfinite(points).all(dim=-1) & torch.isfinite(conf)
            good &= points.abs().amax(dim=-1).nan_to_num(LARGEST) < LARGEST
            points[~good] = 0.0
            conf[~good] = 1.0
            bad[int(view)] += int((~good).sum())
            total[int(view)] += good.numel()
            score = float(conf.mean())
            if side == "1" and (int(view) not in best or score > best[int(view)][0]):
                best[int(view)] = score, points[good].numpy()
    if bad.sum() > 0.5 * total.sum():
        raise ReconstructionFailed(
            f"{100 * bad.sum() / total.sum():.0f} % of the points that the network predicts are not finite "
            f"or beyond {LARGEST:g}"
        )
    return [
        ViewPoints(
            float(bad[v] / max(total[v], 1)), diagnose_points(best[v][1] if v in best else np.zeros((0, 3)))
        )
        for v in range(n_views)
    ]


def default_focal(height: int, width: int) -> float:
    """Focal length in pixels of a 60° view over the long edge: upstream's own prior."""
    return max(height, width) / (2 * math.tan(math.radians(30)))


def usable_focal(focal: float) -> bool:
    """Whether a focal length can be a camera's."""
    return math.isfinite(focal) and focal > 1e-3
