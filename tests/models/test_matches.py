"""Matches of point maps: the pixels that show the same points, in pixels of the photos."""

from dataclasses import replace

import numpy as np

from hw4.models.base import Reconstruction
from hw4.models.matches import SEARCHED, matches_of

H, W, SHIFT = 40, 60, 7


def shifted(height: int = H, width: int = W, shift: int = SHIFT) -> Reconstruction:
    """Two views of a wall, the second `shift` pixels to the right; photos twice and three times as large."""
    y, x = np.mgrid[:height, : width + shift]
    wall = np.stack([x, y, 50 + 5 * np.sin(x / 9)], axis=-1).astype(np.float32)
    pts3d = [wall[:, :width], wall[:, shift:]]
    scale = np.stack([np.diag([2.0, 2.0, 1.0]), np.diag([3.0, 3.0, 1.0])])
    images = [np.zeros((height, width, 3), np.uint8)] * 2
    sizes = np.array([(2 * width, 2 * height), (3 * width, 3 * height)])
    cameras, Ks = np.tile(np.eye(4)[:3], (2, 1, 1)), np.tile(np.eye(3), (2, 1, 1))
    return Reconstruction(cameras, Ks, sizes, scale, images, pts3d)


def test_reciprocal_neighbours_are_the_pixels_of_the_same_points() -> None:
    found = matches_of(shifted())
    assert found is not None and found.verified.all()
    # Of 1200 asked pixels all but those that the second view does not see.
    assert 0.8 * 1200 < len(found.xy) < 1200
    first, second = found.xy[:, :2] / 2, found.xy[:, 2:] / 3
    np.testing.assert_allclose(first - second, np.tile([SHIFT, 0], (len(first), 1)))
    np.testing.assert_allclose(first % 1, 0.5)


def test_large_maps_are_searched_on_a_grid_and_only_their_surer_half() -> None:
    r = shifted(300, 400, 20)
    sure = np.tile(np.arange(400.0) > 200, (300, 1)).astype(np.float32)
    found = matches_of(replace(r, conf=[sure, np.ones_like(sure)]))
    assert SEARCHED < 300 * 400 and found is not None and len(found.xy) > 200
    # The grid's step is 3: a neighbour lies at most half of it aside.
    first, second = found.xy[:, :2] / 2, found.xy[:, 2:] / 3
    assert np.abs(first - second - [20, 0]).max() <= 1.5
    sure[:] = np.nan
    assert matches_of(replace(r, conf=[sure, sure])).xy.shape == (0, 4)  # type: ignore[union-attr]


def test_a_model_that_matches_has_the_word() -> None:
    r = replace(shifted(), matches=np.array([[1.0, 2, 3, 4]]), verified=np.array([False]))
    found = matches_of(r)
    assert found is not None and not found.verified.any()
    np.testing.assert_allclose(found.xy, [[2, 4, 9, 12]])


def test_without_either_there_are_none() -> None:
    assert matches_of(replace(shifted(), pts3d=None)) is None
    lost = shifted()
    lost.cam_from_world[1] = np.nan
    assert matches_of(lost) is None
