"""Angles of rotations, against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.geometry.rotations import rotation_angle


@given(
    st.sampled_from([0.0, 1e-9, 1e-6, 1e-3, 1.0, 90.0, 179.0, 179.999999, 180.0]) | st.floats(0, 180),
    st.integers(0, 2**32 - 1),
)
def test_the_angle_is_the_one_that_was_turned_by(degrees: float, seed: int) -> None:
    axis = np.random.default_rng(seed).normal(size=(4, 3))
    turned = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis, axis=1, keepdims=True))
    np.testing.assert_allclose(rotation_angle(turned.as_matrix()), np.radians(degrees), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-4, 1e-2])
def test_rounded_matrices_count_as_scipy_takes_them(noise: float) -> None:
    rng = np.random.default_rng(0)
    rounded = Rotation.random(500, random_state=1).as_matrix() + noise * rng.normal(size=(500, 3, 3))
    expected = Rotation.from_matrix(rounded).magnitude()
    # Before 1.16 or so, scipy's nearest rotation is another one of matrices that are far from any.
    np.testing.assert_allclose(rotation_angle(rounded), expected, rtol=0, atol=1e-12 + 10 * noise**2)
    assert rotation_angle(rounded[0]) == rotation_angle(rounded)[0]
    assert rotation_angle(rounded.reshape(5, 100, 3, 3)).shape == (5, 100)


def test_a_reflection_has_no_angle() -> None:
    with pytest.raises(ValueError, match="positive determinant"):
        rotation_angle(np.diag([1.0, 1.0, -1.0]))
