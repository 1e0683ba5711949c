"""Distances from epipolar lines, against OpenCV's."""

import cv2
import numpy as np

from hw4.geometry.epipolar import epipolar_distances_px
from tests.support.pairs import random_cameras

K1 = np.array([[400.0, 0, 320], [0, 410, 240], [0, 0, 1]])
K2 = np.array([[300.0, 0, 200], [0, 300, 160], [0, 0, 1]])


def seen(points: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    halves = []
    for camera, K in zip(cameras, (K1, K2), strict=True):
        in_camera = points @ camera[:3, :3].T + camera[:3, 3]
        halves.append((in_camera / in_camera[:, 2:] @ K.T)[:, :2])
    return np.concatenate(halves, axis=1)


def test_distances_are_those_to_opencvs_epilines() -> None:
    rng = np.random.default_rng(0)
    cameras = random_cameras(rng, 2)
    xy = seen(rng.normal(size=(20, 3)), cameras)
    exact = epipolar_distances_px(xy, cameras, np.stack([K1, K2]))
    assert exact is not None and exact.max() < 1e-6
    xy[:, 2:] += rng.normal(0, 5, (20, 2))
    found = epipolar_distances_px(xy, cameras, np.stack([K1, K2]))
    relative = cameras[1] @ np.linalg.inv(cameras[0])
    x, y, z = relative[:3, 3]
    E = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ relative[:3, :3]
    F = np.linalg.inv(K2).T @ E @ np.linalg.inv(K1)
    halves = xy[:, :2].copy(), xy[:, 2:].copy()
    # Lines in the second photo of points in the first, and the other way round; a^2 + b^2 = 1.
    expected = []
    for which, (own, other) in ((1, halves), (2, halves[::-1])):
        lines = cv2.computeCorrespondEpilines(own.reshape(-1, 1, 2), which, F)[:, 0]
        expected.append(np.abs((lines[:, :2] * other).sum(axis=1) + lines[:, 2]))
    np.testing.assert_allclose(found, np.max(expected, axis=0), rtol=1e-9)


def test_without_a_baseline_or_a_truth_there_are_none() -> None:
    cameras, Ks = np.tile(np.eye(4), (2, 1, 1)), np.stack([K1, K2])
    assert epipolar_distances_px(np.zeros((3, 4)), cameras, Ks) is None
    cameras[1, :3, 3] = np.nan
    assert epipolar_distances_px(np.zeros((3, 4)), cameras, Ks) is None
    cameras[1, :3, 3] = 1
    Ks[0] = np.nan
    assert epipolar_distances_px(np.zeros((3, 4)), cameras, Ks) is None
