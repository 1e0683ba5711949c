"""A camera from points and pixels: a known one is found, degenerate points are said to be so."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.geometry import pnp
from hw4.geometry.pnp import diagnose_points, safe_pnp

K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


def angle_deg(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.degrees(Rotation.from_matrix(first.T @ second).magnitude()))


def seen_points(seed: int, n: int = 40, flat: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points, their pixels, and the camera (3, 4) that sees them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (n, 3)) * (1, 1, 0 if flat else 1)
    rotation = Rotation.from_euler("xyz", rng.uniform(-20, 20, 3), degrees=True).as_matrix()
    camera = np.hstack([rotation, [[0.1], [-0.2], [4.0]]])
    local = points @ rotation.T + camera[:, 3]
    return points, (local @ K.T)[:, :2] / local[:, 2:], camera


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_pnp_finds_a_known_camera(seed: int, flat: bool) -> None:
    points, pixels, camera = seen_points(seed, flat=flat)
    pixels[::5] += 30
    result = safe_pnp(points, pixels, K, iterations=100)
    assert result.cam_from_world is not None and result.inliers >= 30
    assert angle_deg(result.cam_from_world[:, :3], camera[:, :3]) < 0.1
    np.testing.assert_allclose(result.cam_from_world[:, 3], camera[:, 3], atol=0.02)
    assert result.shape.kind == ("plane" if flat else "volume")


def test_pnp_falls_back_where_sqpnp_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenCV does on idx 3781: SQPnP raises on what RANSAC drew."""
    points, pixels, camera = seen_points(1, flat=True)
    solve = cv2.solvePnPRansac

    def refusing(*args: object, flags: int, **options: object) -> object:
        if flags == cv2.SOLVEPNP_SQPNP:
            raise cv2.error("point_coordinate_variance >= POINT_VARIANCE_THRESHOLD")
        return solve(*args, flags=flags, **options)

    monkeypatch.setattr(pnp.cv2, "solvePnPRansac", refusing)
    result = safe_pnp(points, pixels, K, iterations=100)
    assert result.method in ("EPnP", "IPPE", "iterative PnP")
    assert "POINT_VARIANCE_THRESHOLD" in str(result.problem) and "plane-like" in str(result.problem)
    assert result.cam_from_world is not None
    assert angle_deg(result.cam_from_world[:, :3], camera[:, :3]) < 1


@pytest.mark.parametrize(
    ("points", "kind"),
    [
        (np.random.default_rng(0).normal(size=(50, 3)), "volume"),
        (np.random.default_rng(0).normal(size=(50, 3)) * (1, 1, 1e-4), "plane"),
        (np.random.default_rng(0).normal(size=(50, 3)) * (1, 1e-4, 1e-4), "line"),
        (np.ones((50, 3)), "point"),
        (np.ones((3, 3)), "few"),
        (np.full((50, 3), np.nan), "not finite"),
    ],
)
def test_shapes_are_told_in_any_position(points: np.ndarray, kind: str) -> None:
    turned = points @ Rotation.random(random_state=1).as_matrix().T + (0.5, -1, 3)
    shape = diagnose_points(turned)
    assert shape.kind == kind and shape.degenerate is (kind != "volume")
    assert str(shape)
    if kind in ("plane", "line"):
        expected = np.linalg.svd(points - points.mean(0), compute_uv=False) / np.sqrt(50)
        np.testing.assert_allclose(shape.singular_values, expected, rtol=1e-6, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 30),
    st.sampled_from([1.0, 0.0, 1e-7, np.nan, np.inf, 1e20]),
    st.sampled_from([1.0, 0.0, 1e-7]),
    st.integers(0, 1000),
)
def test_pnp_never_raises(n: int, x: float, y: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3)) * np.array([x, y, 1.0])
    result = safe_pnp(points, rng.uniform(0, 60, (n, 2)), K)
    assert (result.cam_from_world is None) == (result.method == "none")
    assert result.cam_from_world is None or np.isfinite(result.cam_from_world).all()
    assert result.cam_from_world is not None or result.problem
