"""A camera from points and pixels: a known one is found, degenerate points are said to be so."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hw4.geometry import pnp
from hw4.geometry.pnp import crowding, diagnose_points, safe_pnp

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
            error = cv2.error("point_coordinate_variance >= POINT_VARIANCE_THRESHOLD")
            # OpenCV sets it on the class: an earlier error's would be read.
            error.err = str(error)
            raise error
        return solve(*args, flags=flags, **options)

    monkeypatch.setattr(pnp.cv2, "solvePnPRansac", refusing)
    result = safe_pnp(points, pixels, K, iterations=100)
    assert result.method in ("EPnP", "IPPE", "iterative PnP")
    assert "POINT_VARIANCE_THRESHOLD" in str(result.problem) and "plane-like" in str(result.problem)
    assert result.cam_from_world is not None
    assert angle_deg(result.cam_from_world[:, :3], camera[:, :3]) < 1


def crowded_points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points over 3x3 pixels of a long lens, their pixels and K: SQPnP raises in OpenCV 4.11 and 5.0."""
    long_lens = np.array([[600.0, 0, 32], [0, 600, 24], [0, 0, 1]])
    pixels = np.mgrid[19:22, 19:22].T.reshape(-1, 2).astype(float)
    depth = np.random.default_rng(0).uniform(2, 3, (9, 1))
    rays = np.hstack([(pixels - long_lens[:2, 2]) / 600, np.ones((9, 1))])
    return rays * depth, pixels, long_lens


@pytest.mark.parametrize("opencv", ["as it is", "raising nothing"])
def test_crowded_pixels_are_diagnosed_without_an_exception(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, pixels, long_lens = crowded_points()
    if opencv == "raising nothing":
        solve = cv2.solvePnPRansac

        def lenient(*args: object, flags: int, **options: object) -> object:
            if flags == cv2.SOLVEPNP_SQPNP:
                return True, np.ones((3, 1)), np.ones((3, 1)), np.arange(9)[:, None]
            return solve(*args, flags=flags, **options)

        monkeypatch.setattr(pnp.cv2, "solvePnPRansac", lenient)
    result = safe_pnp(points, pixels, long_lens)
    assert "pixels are too close together: on average 1.2 px" in str(result.problem)
    assert result.method == "EPnP" and result.cam_from_world is not None
    assert angle_deg(result.cam_from_world[:, :3], np.eye(3)) < 0.1
    alone = safe_pnp(points, pixels, long_lens, fallbacks=False)
    assert alone.method == "none" and alone.cam_from_world is None and alone.problem == result.problem


def test_crowding_is_where_sqpnp_itself_gives_up() -> None:
    points, pixels, long_lens = crowded_points()
    for stretch, raises in ((0.99, True), (1.01, False)):
        # Nine pixels with a variance of 4/3 px²; SQPnP's limit is 3.6 px² at this focal length.
        spread = (pixels - 20) * stretch * np.sqrt(3.6 / (4 / 3)) + 20
        assert (crowding(spread, long_lens) is not None) is raises
        spread_points = np.hstack([(spread - long_lens[:2, 2]) / 600, np.ones((9, 1))]) * points[:, 2:]
        arguments = (spread_points.astype(np.float32), spread.astype(np.float32), long_lens, None)
        try:
            found = cv2.solvePnPRansac(*arguments, flags=cv2.SOLVEPNP_SQPNP)[0]
        except cv2.error as error:
            assert raises and "POINT_VARIANCE_THRESHOLD" in str(error)
        else:
            # A version that does not raise may say no, or answer.
            assert found or raises


def test_points_in_one_place_are_not_given_to_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnp.cv2, "solvePnPRansac", lambda *_, **__: 1 / 0)
    result = safe_pnp(np.ones((50, 3)), np.random.default_rng(0).uniform(0, 60, (50, 2)), K)
    assert result.method == "none" and "points are point-like" in str(result.problem)


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
