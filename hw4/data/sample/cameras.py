"""Cameras inside a sample scene: pairs of a wanted yaw, and the path between them."""

import math

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.data.sample.scene import EYE_HEIGHT, Scene

WALL_MARGIN = 0.35
FURNITURE_MARGIN = 0.2
MIN_BASELINE = 0.15


def camera(position: np.ndarray, yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """(4, 4) world-to-camera with OpenCV axes.

    Args:
        position: (3,) camera centre in the world.
        yaw: radians about the vertical; 0 looks along +z, positive turns towards +x.
        pitch: radians, positive looks down.
        roll: radians about the optical axis.
    """
    world_from_cam = Rotation.from_euler("YXZ", [yaw, -pitch, roll]).as_matrix()
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = world_from_cam.T
    cam_from_world[:3, 3] = -world_from_cam.T @ position
    return cam_from_world


def is_free(scene: Scene, position: np.ndarray) -> bool:
    """Whether a camera may stand there: inside the room and not in or close to furniture."""
    if (np.abs(position[[0, 2]]) > scene.half_size - WALL_MARGIN).any():
        return False
    offsets = position - scene.boxes[1:, :3]
    c, s = scene.boxes[1:, 6], scene.boxes[1:, 7]
    local = np.stack(
        [c * offsets[:, 0] - s * offsets[:, 2], offsets[:, 1], s * offsets[:, 0] + c * offsets[:, 2]], axis=1
    )
    return not (np.abs(local) < scene.boxes[1:, 3:6] + FURNITURE_MARGIN).all(axis=1).any()


def _jittered(position: np.ndarray, yaw: float, rng: np.random.Generator) -> np.ndarray:
    return camera(position, yaw, rng.normal(0.06, 0.04), rng.normal(0, 0.015))


def sample_view_cameras(scene: Scene, yaws_deg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 4, 4) world-to-camera of views whose headings are `yaws_deg` from a random direction.

    All look towards a common point (with some scatter) from arcs around it, so that they share content at
    any yaw that a field of view allows; the baseline grows with the yaw.

    Raises:
        ValueError: no free places were found (a room full of furniture).
    """
    for _ in range(500):
        target = rng.uniform(-0.35, 0.35, 2) * scene.half_size
        headings = rng.uniform(0, 2 * math.pi) + np.radians(yaws_deg)
        positions = []
        for yaw in headings:
            radius = rng.uniform(0.9, 1.9)
            sideways = rng.normal(0, 0.15)
            x = target[0] - radius * math.sin(yaw) + sideways * math.cos(yaw)
            z = target[1] - radius * math.cos(yaw) - sideways * math.sin(yaw)
            positions.append(np.array([x, -rng.uniform(*EYE_HEIGHT), z]))
        apart = min(np.linalg.norm(p - positions[0]) for p in positions[1:])
        if apart > MIN_BASELINE and all(is_free(scene, p) for p in positions):
            return np.stack([_jittered(p, yaw, rng) for p, yaw in zip(positions, headings, strict=True)])
    raise ValueError(f"scene {scene.seed} has no room for views {np.round(yaws_deg)} degrees apart")


def sample_pair_cameras(scene: Scene, yaw_deg: float, rng: np.random.Generator) -> np.ndarray:
    """(2, 4, 4) world-to-camera of two views whose headings differ by `yaw_deg`, either way round."""
    return sample_view_cameras(scene, np.array([0.0, yaw_deg * rng.choice([-1.0, 1.0])]), rng)


def orbit_cameras(scene: Scene, angles_deg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 4, 4) world-to-camera on one arc around a common point, one per angle, all in free places.

    Raises:
        ValueError: no free arc was found.
    """
    for _ in range(2000):
        target = rng.uniform(-0.25, 0.25, 2) * scene.half_size
        heading = rng.uniform(0, 2 * math.pi)
        radius = rng.uniform(1.3, 1.8)
        cameras, free = [], True
        for angle in np.radians(angles_deg):
            yaw = heading + angle
            center = np.array([target[0] - radius * math.sin(yaw), -1.45, target[1] - radius * math.cos(yaw)])
            center[1] += rng.normal(0, 0.04)
            free = free and is_free(scene, center)
            cameras.append(camera(center, yaw, 0.12))
        if free:
            return np.stack(cameras)
    raise ValueError(f"scene {scene.seed} has no free arc for a scene of {len(angles_deg)} views")
