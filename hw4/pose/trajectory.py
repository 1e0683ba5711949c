"""Errors of a trajectory after similarity alignment, as TUM's benchmark and the package evo define them.

Equal to ``evo_ape tum truth estimate -as`` and ``evo_rpe ... -as`` (Sturm et al., IROS 2012), see the tests.
evo itself is not imported: its licence (GPL) is another one than this project's.
"""

from dataclasses import dataclass

import numpy as np

from hw4.core.metric import MetricUnavailable
from hw4.geometry.align import umeyama
from hw4.geometry.cameras import camera_centers
from hw4.geometry.rotations import rotation_angle

FEWEST_VIEWS = 3
# Relative to the largest: below it, camera centres lie on a line (or in a point) and leave a turn free.
RANK_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Trajectory:
    """Root mean squares; lengths in units of the true poses.

    Attributes:
        ate: distance between true and aligned camera centres.
        rpe: length of the error of the motion from each view to the next.
        rpe_deg: angle of that error in degrees.
    """

    ate: float
    rpe: float
    rpe_deg: float


def trajectory_errors(cam_from_world_true: np.ndarray, cam_from_world: np.ndarray) -> Trajectory:
    """Errors of all views in order, after the similarity that carries estimated centres onto true ones.

    Args:
        cam_from_world_true: (N, 4, 4) world-to-camera.
        cam_from_world: (N, 4, 4) estimate in any world frame and scale.

    Raises:
        MetricUnavailable: a view was not placed, there are fewer than three, or their centres lie on a line:
            nothing determines the alignment.
    """
    n = len(cam_from_world_true)
    lost = int((~np.isfinite(cam_from_world)).any(axis=(1, 2)).sum())
    if lost:
        raise MetricUnavailable(f"{lost} of {n} views have no camera")
    if n < FEWEST_VIEWS:
        raise MetricUnavailable(f"a trajectory needs {FEWEST_VIEWS} views, and there are {n}")
    centers_true, centers = camera_centers(cam_from_world_true), camera_centers(cam_from_world)
    for what, points in (("true", centers_true), ("estimated", centers)):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[0] <= 0 or spread[1] < RANK_TOLERANCE * spread[0]:
            raise MetricUnavailable(f"the {what} camera centres lie on a line: no alignment is determined")
    similarity = umeyama(centers, centers_true)
    aligned = similarity.cam_from_world(cam_from_world)
    # The motion from each view to the next, in the first one's frame.
    true_motion = cam_from_world_true[:-1] @ np.linalg.inv(cam_from_world_true[1:])
    motion = aligned[:-1] @ np.linalg.inv(aligned[1:])
    error = np.linalg.inv(true_motion) @ motion
    angles = rotation_angle(error[:, :3, :3])
    return Trajectory(
        _rms(np.linalg.norm(similarity.points(centers) - centers_true, axis=1)),
        _rms(np.linalg.norm(error[:, :3, 3], axis=1)),
        float(np.degrees(_rms(angles))),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))
