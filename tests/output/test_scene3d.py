"""A cloud in a page: the points come out where they were, and no name in it can end the script around it."""

import base64
import json
import re

import cv2
import numpy as np

from hw4.geometry.cameras import FRUSTUM_EDGES
from hw4.output.scene3d import HEIGHT, MAX_POINTS, WIDTH, Frustum, scene_of


def test_points_colours_and_cameras_survive() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3))
    colors = rng.integers(0, 255, (500, 3), np.uint8)
    frustum = np.arange(15.0).reshape(5, 3) / 10
    text = scene_of(points, colors, [Frustum(frustum, "#ff2800")], FRUSTUM_EDGES).json()
    found = json.loads(text)
    steps = np.frombuffer(base64.b64decode(found["points"]), "<u2").reshape(-1, 3)
    back = np.array(found["low"]) + steps / 65535 * np.array(found["size"])
    # Far points are cut, the others stay in their order.
    kept = [i for i, point in enumerate(points) if np.abs(back - point).max(axis=1).min() < 1e-3]
    assert len(kept) == len(back) > 400
    assert np.abs(points[kept] - back).max() < np.max(found["size"]) / 65535
    assert (
        np.frombuffer(base64.b64decode(found["colors"]), np.uint8).reshape(-1, 3).tolist()
        == colors[kept].tolist()
    )
    (camera,) = found["cameras"]
    assert camera["color"] == "#ff2800" and len(camera["lines"]) == 3 * 2 * len(FRUSTUM_EDGES)
    assert camera["lines"][:6] == [*frustum[0].tolist(), *frustum[1].tolist()]
    assert "<" not in text


def test_points_that_are_none_and_too_many() -> None:
    points = np.full((3 * MAX_POINTS, 3), 1.0)
    points[::2] = np.nan
    colors = np.zeros((len(points), 3), np.uint8)
    found = json.loads(scene_of(points, colors, [], FRUSTUM_EDGES).json())
    assert len(base64.b64decode(found["points"])) == 6 * MAX_POINTS
    empty = json.loads(
        scene_of(points[:0], colors[:0], [Frustum(np.zeros((5, 3)), "#000000")], FRUSTUM_EDGES).json()
    )
    assert empty["points"] == ""


def test_the_drawing_is_what_a_reader_sees_who_stands_at_the_eye() -> None:
    """Against a camera of OpenCV with the same eye, target and field of view."""
    points = np.array([[-1.0, -0.5, 3.0], [1.0, 0.5, 6.0], [0.3, 0.1, 4.0]])
    scene = scene_of(points, np.full((3, 3), 0xAB, np.uint8), [], FRUSTUM_EDGES)
    forward = (scene.target - scene.eye) / np.linalg.norm(scene.target - scene.eye)
    right = np.cross([0, 1, 0], forward) / np.linalg.norm(np.cross([0, 1, 0], forward))
    R = np.stack([right, np.cross(forward, right), forward])
    focal = HEIGHT / 2 / np.tan(np.radians(25))
    K = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]])
    expected, _ = cv2.projectPoints(points, cv2.Rodrigues(R)[0], -R @ scene.eye, K, None)
    drawn = re.findall(r'd="M(\S+) (\S+)h0" stroke="#aaa"', scene.svg().decode())
    found = np.array(drawn, float)
    far_first = np.argsort(-((points - scene.eye) @ forward))
    assert np.abs(found - expected[far_first, 0]).max() <= 0.5
    assert (found > 0).all() and (found < (WIDTH, HEIGHT)).all()
    # As near as that allows.
    assert np.abs(found - (WIDTH / 2, HEIGHT / 2)).max(axis=0) / (WIDTH / 2, HEIGHT / 2) @ [1, 1] > 0.94


def test_a_dashed_camera_has_gaps_on_its_edges() -> None:
    corners = np.random.default_rng(1).normal(size=(5, 3))
    nothing = np.zeros((0, 3)), np.zeros((0, 3), np.uint8)
    scene = scene_of(*nothing, [Frustum(corners, "#2f8fd0", dashed=True)], FRUSTUM_EDGES)
    (camera,) = json.loads(scene.json())["cameras"]
    dashes = np.array(camera["lines"]).reshape(len(FRUSTUM_EDGES), -1, 2, 3)
    for (i, j), pieces in zip(FRUSTUM_EDGES, dashes, strict=True):
        length = np.linalg.norm(corners[j] - corners[i])
        drawn = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1).sum()
        assert 0.5 * length < drawn < 0.6 * length
        np.testing.assert_allclose([pieces[0, 0], pieces[-1, 1]], corners[[i, j]], atol=1e-5)
    assert b"stroke-dasharray" in scene.svg()
