"""Similarity between two estimates of the same cameras."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hw4.geometry.align import Similarity, align_cameras, umeyama
from tests.support.splat_scenes import random_similarity, ring_cameras


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [2, 3, 6])
def test_cameras_are_aligned_by_the_similarity_that_moved_them(n: int, seed: int) -> None:
    source, truth = ring_cameras(n), random_similarity(seed)
    target = truth.cam_from_world(source)
    found = align_cameras(source, target)
    assert found.scale == pytest.approx(truth.scale)
    np.testing.assert_allclose(found.rotation, truth.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, truth.translation, atol=1e-9)
    # A point keeps its place in every camera's picture.
    point = np.array([0.3, -0.2, 0.5])
    for one, other in zip(source, target, strict=True):
        before = one[:3, :3] @ point + one[:3, 3]
        after = other[:3, :3] @ truth.points(point) + other[:3, 3]
        np.testing.assert_allclose(after, truth.scale * before, atol=1e-9)


def test_umeyama_is_the_least_squares_answer() -> None:
    rng = np.random.default_rng(2)
    source, truth = rng.normal(size=(30, 3)), random_similarity(7)
    target = truth.points(source) + 0.05 * rng.normal(size=(30, 3))
    found = umeyama(source, target)
    rotation, _ = Rotation.align_vectors(target - target.mean(0), source - source.mean(0))
    np.testing.assert_allclose(found.rotation, rotation.as_matrix(), atol=1e-9)

    def residual(s: Similarity) -> float:
        return float(((s.points(source) - target) ** 2).sum())

    for factor in (0.99, 1.01):
        mean = source.mean(0)
        other = Similarity(found.scale * factor, found.rotation, found.translation)
        moved = Similarity(other.scale, other.rotation, target.mean(0) - other.scale * other.rotation @ mean)
        assert residual(found) < residual(moved)
