"""The cloud of a reconstruction: which points, in which order."""

import numpy as np

from hw4.models.base import Reconstruction
from hw4.models.clouds import cloud_of


def reconstruction(**maps: object) -> Reconstruction:
    """Three views of 2 x 4 pixels, the last without a camera."""
    cameras = np.tile(np.eye(3, 4), (3, 1, 1))
    cameras[2] = np.nan
    Ks = np.tile(np.eye(3), (3, 1, 1))
    images = [np.full((2, 4, 3), 10 * v, np.uint8) for v in range(3)]
    return Reconstruction(cameras, Ks, np.tile((4, 2), (3, 1)), np.tile(np.eye(3), (3, 1, 1)), images, **maps)


def dense() -> Reconstruction:
    points = np.arange(72, dtype=np.float32).reshape(3, 2, 4, 3)
    conf = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    points[0, 0, 1], conf[0, 0, 2], conf[1, 0, 0] = np.nan, np.nan, np.inf
    return reconstruction(pts3d=list(points), conf=list(conf))


def test_points_that_are_numbers_are_kept_in_order() -> None:
    cloud = cloud_of(dense())
    wanted = [0, 3, 4, 5, 6, 7, *range(9, 16)]
    np.testing.assert_array_equal(cloud.points, np.arange(72.0).reshape(24, 3)[wanted])
    np.testing.assert_array_equal(cloud.conf, wanted)
    np.testing.assert_array_equal(cloud.colors[:, 0], [0 if i < 8 else 10 for i in wanted])
    assert cloud.n_all == 15
    np.testing.assert_array_equal(cloud_of(dense(), min_conf=10).conf, range(10, 16))
    assert len(cloud_of(dense(), placed_only=False)) == len(wanted) + 8


def test_the_surest_come_first_and_at_most_that_many() -> None:
    cloud = cloud_of(dense(), placed_only=False).surest_first()
    assert cloud.conf is not None and cloud.conf[0] == 23 and (np.diff(cloud.conf) < 0).all()
    few = cloud.at_most(4)
    assert few.conf is not None and len(few) == 4 and few.n_all == cloud.n_all
    assert few.conf[0] == 23 and few.conf[-1] == 0
    assert cloud.at_most(1000) is cloud


def test_sparse_points_are_gray_without_colours_and_none_are_none() -> None:
    sparse = cloud_of(reconstruction(points=np.ones((2, 3), np.float32)))
    assert (sparse.colors == 128).all() and sparse.conf is None and sparse.surest_first() is sparse
    empty = cloud_of(reconstruction())
    assert empty.points.shape == empty.colors.shape == (0, 3) and empty.n_all == 0
