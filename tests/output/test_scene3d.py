"""A cloud in a page: the points come out where they were, and no name in it can end the script around it."""

import base64
import json

import numpy as np

from hw4.geometry.cameras import FRUSTUM_EDGES
from hw4.output.scene3d import MAX_POINTS, scene_json


def test_points_colours_and_cameras_survive() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3))
    colors = rng.integers(0, 255, (500, 3), np.uint8)
    frustum = np.arange(15.0).reshape(5, 3) / 10
    text = scene_json(points, colors, [frustum], [(255, 40, 0)], FRUSTUM_EDGES)
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
    found = json.loads(scene_json(points, colors, [], [], FRUSTUM_EDGES))
    assert len(base64.b64decode(found["points"])) == 6 * MAX_POINTS
    empty = json.loads(scene_json(points[:0], colors[:0], [np.zeros((5, 3))], [(0, 0, 0)], FRUSTUM_EDGES))
    assert empty["points"] == ""
