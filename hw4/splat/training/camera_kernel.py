"""A small correction of a camera and its gradient, in numba: torch's dispatch of each step takes longer."""

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def _series(x):  # type: ignore[no-untyped-def]
    """``sin x / x``, ``(1 - cos x) / x²``, ``(x - sin x) / x³``; near 0 the first terms of their series."""
    if x < 1e-4:
        return 1 - x * x / 6, 0.5 - x * x / 24, 1 / 6 - x * x / 120
    return math.sin(x) / x, (1 - math.cos(x)) / x**2, (x - math.sin(x)) / x**3


@njit(nogil=True, cache=True, error_model="numpy")
def turn_and_shift(cameras, twists, extent, corrected, turned, jacobians):  # type: ignore[no-untyped-def]
    """Fill corrected (M, 4, 4) cameras and what the gradient needs.

    Args:
        cameras: (M, 4, 4) float64.
        twists: (M, 6) float64, axis-angle in radians, then translation in units of `extent`.
        extent: the scene's.
        corrected: (M, 4, 4), filled.
        turned: (M, 3, 4), filled: where the axes and the origin are after the turn alone.
        jacobians: (M, 3, 3), filled: left Jacobians of SO(3).
    """
    cross, square, rotation = np.zeros((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    for m in range(len(cameras)):
        x, y, z = twists[m, 0], twists[m, 1], twists[m, 2]
        first, second, third = _series(math.sqrt(x * x + y * y + z * z))
        cross[0, 1], cross[0, 2], cross[1, 2] = -z, y, -x
        cross[1, 0], cross[2, 0], cross[2, 1] = z, -y, x
        for i in range(3):
            for j in range(3):
                square[i, j] = (
                    cross[i, 0] * cross[0, j] + cross[i, 1] * cross[1, j] + cross[i, 2] * cross[2, j]
                )
                one = 1.0 if i == j else 0.0
                rotation[i, j] = one + first * cross[i, j] + second * square[i, j]
                jacobians[m, i, j] = one + second * cross[i, j] + third * square[i, j]
        corrected[m, 3] = cameras[m, 3]
        for i in range(3):
            for j in range(4):
                moved = 0.0
                for k in range(3):
                    moved += rotation[i, k] * cameras[m, k, j]
                turned[m, i, j] = moved
                corrected[m, i, j] = moved
            corrected[m, i, 3] += extent * twists[m, 3 + i]


@njit(nogil=True, cache=True, error_model="numpy")
def turn_and_shift_gradient(v_corrected, extent, turned, jacobians, v_twists):  # type: ignore[no-untyped-def]
    """Fill the gradient (M, 6) in the twists.

    A small turn a after R makes it ``R + [a]x R``; a is the left Jacobian times the change.

    Args:
        v_corrected: (M, 4, 4) gradient in the corrected cameras.
        extent, turned, jacobians: of `turn_and_shift`.
        v_twists: filled.
    """
    axial = np.empty(3)
    for m in range(len(v_corrected)):
        for i in range(3):
            # Entry (j, k) of the product of v's rows and the turned camera's, less its mirror image.
            j, k = (i + 2) % 3, (i + 1) % 3
            axial[i] = 0.0
            for column in range(4):
                axial[i] += v_corrected[m, j, column] * turned[m, k, column]
                axial[i] -= v_corrected[m, k, column] * turned[m, j, column]
        for i in range(3):
            v_twists[m, i] = 0.0
            for j in range(3):
                v_twists[m, i] += jacobians[m, j, i] * axial[j]
            v_twists[m, 3 + i] = extent * v_corrected[m, i, 3]
