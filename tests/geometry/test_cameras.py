"""Cameras as arrays, against projection and matrix inverses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.geometry.cameras import (
    as_world_of_first,
    camera_centers,
    four_by_four,
    frustum,
    frustum_depth,
    moved,
    scaled_K,
)

K = np.array([[60.0, 0, 30], [0, 55, 26], [0, 0, 1]])


def random_cameras(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cameras = np.tile(np.eye(4), (n, 1, 1))
    cameras[:, :3, :3] = Rotation.random(n, random_state=seed).as_matrix()
    cameras[:, :3, 3] = rng.normal(size=(n, 3))
    return cameras


def project(points: np.ndarray, cam_from_world: np.ndarray, K: np.ndarray) -> np.ndarray:
    in_image = moved(points, cam_from_world) @ K.T
    return in_image[:, :2] / in_image[:, 2:]


@given(st.integers(0, 10_000))
def test_centers_are_those_of_the_inverse(seed: int) -> None:
    cameras = random_cameras(4, seed)
    np.testing.assert_allclose(camera_centers(cameras), np.linalg.inv(cameras)[:, :3, 3], atol=1e-9)
    np.testing.assert_array_equal(camera_centers(cameras[:, :3]), camera_centers(cameras))


def test_four_by_four_takes_both_shapes_and_copies() -> None:
    cameras = random_cameras(3, 0)
    np.testing.assert_array_equal(four_by_four(cameras[:, :3]), cameras)
    four_by_four(cameras)[:] = 0
    assert cameras.any()
    assert four_by_four(np.zeros((0, 3, 4))).shape == (0, 4, 4)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 1000))
def test_scaled_intrinsics_project_to_scaled_pixels(width: int, height: int, seed: int) -> None:
    points = np.random.default_rng(seed).uniform((-1, -1, 2), (1, 1, 5), (6, 3))
    wanted = project(points, np.eye(4), K) * (width / 64, height / 48)
    np.testing.assert_allclose(project(points, np.eye(4), scaled_K(K, (64, 48), (width, height))), wanted)


def test_many_intrinsics_are_scaled_each_by_its_own_size() -> None:
    Ks, old, new = np.stack([K, 2 * K]), np.array([(64, 48), (32, 48)]), np.array([(8, 6), (64, 24)])
    each = [scaled_K(*one) for one in zip(Ks, old, new, strict=True)]
    np.testing.assert_array_equal(scaled_K(Ks, old, new), each)
    assert scaled_K(Ks[:0], old[:0], new[:0]).shape == (0, 3, 3)


@given(st.integers(0, 10_000))
def test_a_frustum_ends_at_the_corners_of_its_image(seed: int) -> None:
    camera = random_cameras(1, seed)[0]
    corners = frustum(camera, K, (64, 48), 0.7)
    np.testing.assert_allclose(corners[0], camera_centers(camera[None])[0], atol=1e-9)
    expected = [(0, 0), (64, 0), (64, 48), (0, 48)]
    np.testing.assert_allclose(project(corners[1:], camera, K), expected, atol=1e-6)
    np.testing.assert_allclose(moved(corners[1:], camera)[:, 2], 0.7)


def test_frustums_grow_with_what_is_shown() -> None:
    cameras = random_cameras(3, 1)
    points = np.random.default_rng(0).normal(size=(50, 3))
    unknown = np.full((3, 3, 4), np.nan)
    assert frustum_depth(10 * points, cameras) > frustum_depth(points, cameras)
    assert frustum_depth(10 * points, unknown) == pytest.approx(10 * frustum_depth(points, unknown))
    assert frustum_depth(points[:0], cameras[:1]) == 0.1


def test_the_first_placed_camera_makes_the_frame() -> None:
    cameras = random_cameras(3, 2)
    cameras[0] = np.nan
    np.testing.assert_array_equal(as_world_of_first(cameras), cameras[1])
    np.testing.assert_array_equal(as_world_of_first(cameras[:1]), np.eye(4))
