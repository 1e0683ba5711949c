"""Which of several estimates of one relative camera to believe: InterPose's self-consistency, and its bound.

Cai et al., "Can Generative Video Models Help Pose Estimation?" (CVPR 2025, arXiv 2412.16155), whose equation
numbers are given below. Angles are in degrees here, which scales every distance alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hw4.pose.metrics import DIRECTION_MIN_NORM, direction_error_deg, rotation_error_deg

# Distances that differ by less are a tie: their last digits depend on the order of a sum.
TIE_DIGITS = 6
NO_DIRECTION_DEG = 90.0


def pose_distance_deg(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of two relative cameras (4, 4): equation 2, dist = dist_R + dist_t.

    dist_R (equation 3) is the geodesic angle between the rotations, dist_t (equation 4) the angle between the
    lines of the translations, in [0, 90]: opposite directions count as equal. The paper says nothing of a
    translation without direction: it is as far as possible (90) from any direction, and 0 from its like.
    """
    angle = rotation_error_deg(first[:3, :3], second[:3, :3])
    has_direction = [np.linalg.norm(camera[:3, 3]) >= DIRECTION_MIN_NORM for camera in (first, second)]
    if all(has_direction):
        return angle + direction_error_deg(first[:3, 3], second[:3, 3], fold=True)
    return angle + (NO_DIRECTION_DEG if any(has_direction) else 0.0)


@dataclass(frozen=True)
class VideoScore:
    """How one video's estimates agree.

    Attributes:
        medoid: number of the estimate that is nearest to the others.
        mean_deg: (m,) each estimate's mean distance to the m - 1 others; NaN for a single one.
        bias_deg: the medoid's distance to the estimate from the two photos alone, or None without one.
    """

    medoid: int
    mean_deg: np.ndarray
    bias_deg: float | None

    @property
    def medoid_deg(self) -> float | None:
        """D_med of equation 8; None for a single estimate, which agrees with nothing."""
        return None if len(self.mean_deg) < 2 else float(self.mean_deg[self.medoid])

    @property
    def total_deg(self) -> float:
        """D_total of equation 9: D_med plus the bias, of which a missing one counts nothing."""
        return (self.medoid_deg or 0.0) + (self.bias_deg or 0.0)


def score_video(cam2_from_cam1: Sequence[np.ndarray], pair: np.ndarray | None) -> VideoScore:
    """Medoid of one video's estimates (equation 8) and its bias (second term of equation 9).

    A tie goes to the estimate nearest to `pair`, then to the first.

    Args:
        cam2_from_cam1: m >= 1 relative cameras (4, 4), one per subset of frames.
        pair: the relative camera from the two photos alone, or None to leave the bias out.
    """
    m = len(cam2_from_cam1)
    distances = np.zeros((m, m))
    for i in range(m):
        for j in range(i):
            distances[i, j] = distances[j, i] = pose_distance_deg(cam2_from_cam1[i], cam2_from_cam1[j])
    mean = distances.sum(axis=1) / (m - 1) if m > 1 else np.full(1, np.nan)
    bias = None if pair is None else np.array([pose_distance_deg(one, pair) for one in cam2_from_cam1])
    order = np.lexsort((np.zeros(m) if bias is None else bias.round(TIE_DIGITS), mean.round(TIE_DIGITS)))
    medoid = int(order[0])
    return VideoScore(medoid, mean, None if bias is None else float(bias[medoid]))


def best_video(scores: Sequence[VideoScore]) -> int:
    """Number of the video with the least D_total (equation 9); the first of a tie.

    A video with a single estimate has not been seen to agree with itself: it comes after all others.
    """
    keys = [(score.medoid_deg is None, round(score.total_deg, TIE_DIGITS)) for score in scores]
    return min(range(len(keys)), key=lambda number: keys[number])
