"""Smooth paths through cameras."""

import math

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp


def camera_path(cam_from_world: np.ndarray, n: int, eased: bool = False) -> np.ndarray:
    """(n, 4, 4) world-to-camera on a smooth path through cameras, in their order, both ends included.

    Rotations by slerp, centres by a natural cubic spline (a line between two), at a pace set by the distances
    between centres.

    Args:
        cam_from_world: (N, 4, 4), N >= 2.
        n: number of views on the path, at least 2.
        eased: a tenth faster than even at both ends of the path, a tenth slower in its middle.
    """
    world_from_cam = np.linalg.inv(cam_from_world)
    centers = world_from_cam[:, :3, 3]
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    # A camera that only turns takes a little time too: knots must increase.
    knots = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-3 * max(steps.max(), 1e-9)))])
    knots /= knots[-1]
    times = np.linspace(0, 1, n)
    if eased:
        times = times + 0.1 * np.sin(2 * math.pi * times) / (2 * math.pi)
    rotations = Slerp(knots, Rotation.from_matrix(world_from_cam[:, :3, :3]))(times).as_matrix()
    if len(centers) > 2:
        positions = CubicSpline(knots, centers, bc_type="natural")(times)
    else:
        positions = (1 - times)[:, None] * centers[0] + times[:, None] * centers[1]
    path = np.tile(np.eye(4), (n, 1, 1))
    path[:, :3, :3] = rotations.transpose(0, 2, 1)
    path[:, :3, 3] = -np.einsum("nij,nj->ni", path[:, :3, :3], positions)
    return path
