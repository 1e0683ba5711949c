"""Paths through cameras."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hw4.geometry.cameras import camera_centers
from hw4.geometry.paths import camera_path
from tests.support.splat_scenes import ring_cameras


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_path_goes_through_its_cameras_in_order(n: int) -> None:
    cameras = ring_cameras(n)
    # Equal steps between the centres: knots at equal times.
    frames = 4 * (n - 1) + 1
    path = camera_path(cameras, frames)
    assert path.shape == (frames, 4, 4)
    np.testing.assert_allclose(path[::4], cameras, atol=1e-9)
    rotations = path[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (frames, 1, 1)), atol=1e-9
    )
    angles = Rotation.from_matrix(rotations[1:] @ rotations[:-1].transpose(0, 2, 1)).magnitude()
    np.testing.assert_allclose(np.degrees(angles), 15 / 4, atol=1e-6)
    # No frame strays: the ring has a radius of 4.
    radii = np.linalg.norm(camera_centers(path), axis=1)
    assert radii.min() > 3.9 and radii.max() < 4.1


def test_a_path_keeps_its_pace_over_uneven_steps() -> None:
    cameras = np.tile(np.eye(4), (3, 1, 1))
    cameras[:, 0, 3] = (0, -1, -4)
    centers = camera_centers(camera_path(cameras, 41))[:, 0]
    np.testing.assert_allclose(centers, np.linspace(0, 4, 41), atol=1e-9)


def test_cameras_in_one_place_give_a_path() -> None:
    cameras = ring_cameras(3)
    cameras[:, :3, 3] = 0
    path = camera_path(cameras, 9)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(path[[0, 4, 8]], cameras, atol=1e-9)


@pytest.mark.parametrize("eased", [False, True])
def test_two_cameras_are_joined_by_a_line_and_one_turn(eased: bool) -> None:
    rng = np.random.default_rng(4)
    cameras = np.tile(np.eye(4), (2, 1, 1))
    cameras[:, :3, :3] = Rotation.random(2, random_state=4).as_matrix()
    cameras[:, :3, 3] = rng.normal(size=(2, 3))
    path = camera_path(cameras, 9, eased)
    np.testing.assert_allclose(path[[0, -1]], cameras, atol=1e-9)
    turns = Rotation.from_matrix(path[:, :3, :3] @ cameras[0, :3, :3].T)
    shares = turns.magnitude() / turns.magnitude()[-1]
    # One axis throughout, and as far along the line as around the axis.
    axes = turns.as_rotvec()[1:] / turns.magnitude()[1:, None]
    np.testing.assert_allclose(axes, axes[-1:].repeat(8, axis=0), atol=1e-6)
    first, last = camera_centers(cameras)
    np.testing.assert_allclose(camera_centers(path), first + shares[:, None] * (last - first), atol=1e-9)
    even = np.linspace(0, 1, 9)
    expected = even + 0.1 * np.sin(2 * np.pi * even) / (2 * np.pi) if eased else even
    np.testing.assert_allclose(shares, expected, atol=1e-9)
