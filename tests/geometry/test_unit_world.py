"""The unit world: the same whatever the world's origin and unit, and not led astray by one thing far off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.geometry.align import Similarity
from hw4.geometry.cameras import camera_centers
from hw4.geometry.unit_world import unit_world

POINTS = np.random.default_rng(1).normal(size=(50, 3))


def cameras(centers: np.ndarray) -> np.ndarray:
    rotations = Rotation.random(len(centers), random_state=3).as_matrix()
    result = np.tile(np.eye(4), (len(centers), 1, 1))
    result[:, :3, :3] = rotations
    result[:, :3, 3] = -np.einsum("nij,nj->ni", rotations, centers)
    return result


CENTERS = np.random.default_rng(0).normal(size=(7, 3))


@given(st.floats(1e-3, 1e3), st.tuples(*[st.floats(-1e6, 1e6)] * 3), st.integers(0, 100))
def test_a_moved_and_scaled_world_has_the_same_unit_world(
    scale: float, shift: tuple[float, float, float], seed: int
) -> None:
    world = Similarity(scale, np.eye(3), np.array(shift))
    given_cameras = cameras(CENTERS)
    moved, points = world.cam_from_world(given_cameras), world.points(POINTS)
    ours, expected = unit_world(moved, points), unit_world(given_cameras, POINTS)
    # What float64 keeps of a shift by 1e6 in a world of size 1e-3.
    atol = 1e-8 * max(1.0, max(map(abs, shift)) / scale / 1e2)
    np.testing.assert_allclose(ours.cam_from_world(moved), expected.cam_from_world(given_cameras), atol=atol)
    np.testing.assert_allclose(ours.points(points), expected.points(POINTS), atol=atol)
    np.testing.assert_allclose(ours.inverse.points(ours.points(points)), points, rtol=1e-9, atol=1e-9 * scale)


def test_the_origin_is_among_the_cameras_and_their_spread_is_the_unit() -> None:
    unit = unit_world(cameras(CENTERS), POINTS)
    centers = camera_centers(unit.cam_from_world(cameras(CENTERS)))
    np.testing.assert_allclose(np.median(centers, axis=0), 0, atol=1e-12)
    assert np.median(np.linalg.norm(centers, axis=1)) == pytest.approx(1)


def test_one_far_camera_or_point_changes_little() -> None:
    alone = unit_world(cameras(CENTERS), POINTS)
    far = unit_world(
        cameras(np.concatenate([CENTERS, [[1e9, 0, 0]]])), np.concatenate([POINTS, [[0, 0, 1e12]]])
    )
    assert far.scale == pytest.approx(alone.scale, rel=0.7)
    np.testing.assert_allclose(far.inverse.translation, alone.inverse.translation, atol=1)
    nowhere = unit_world(cameras(CENTERS), np.concatenate([POINTS, [[np.nan, 0, 0], [np.inf, 0, 0]]]))
    assert nowhere.scale == alone.scale


def test_cameras_in_one_place_take_their_unit_from_what_they_see() -> None:
    still = cameras(np.tile([[3.0, 4, 5]], (4, 1)))
    distances = np.linalg.norm(POINTS - [3, 4, 5], axis=1)
    assert unit_world(still, POINTS).scale == pytest.approx(100 / np.median(distances))
    assert unit_world(still).scale == 1 and unit_world(still, np.full((2, 3), np.nan)).scale == 1


def test_a_similarity_and_its_inverse() -> None:
    world = Similarity(2.5, Rotation.random(random_state=1).as_matrix(), np.array([1.0, -2, 3]))
    np.testing.assert_allclose(world.inverse.points(world.points(POINTS)), POINTS, atol=1e-12)
    given_cameras = cameras(CENTERS)
    back = world.inverse.cam_from_world(world.cam_from_world(given_cameras))
    np.testing.assert_allclose(back, given_cameras, atol=1e-12)
