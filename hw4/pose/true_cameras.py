"""True cameras laid beside predicted ones."""

from dataclasses import dataclass

import numpy as np

from hw4.geometry.align import align_cameras
from hw4.geometry.cameras import camera_centers, four_by_four


@dataclass(frozen=True)
class TrueCameras:
    """True cameras where predicted ones are.

    Attributes:
        cam_from_world: (2, 4, 4) of a pair, in the frame of the first camera; (N, 4, 4) of N views, in the
            prediction's world; None where they cannot be shown.
        remark: how the second one's place was found, or why there are none.
    """

    cam_from_world: np.ndarray | None
    remark: str


def true_cameras(truth: np.ndarray | None, predicted: np.ndarray) -> TrueCameras:
    """Both true cameras, with the first where the first prediction is, at the prediction's scale.

    A pair's scale cannot be observed, so the true distance between the cameras is made the predicted one.

    Args:
        truth: (2, 4, 4) true world-to-camera of the first and last view, translation NaN where unknown.
        predicted: (N, 3, 4) or (N, 4, 4) predicted world-to-camera of all views, NaN where not placed.
    """
    if truth is None:
        return TrueCameras(None, "the true cameras are not known")
    if not np.isfinite(predicted[0]).all():
        return TrueCameras(None, "the first view has no predicted camera to lay the true ones on")
    cameras = np.tile(np.eye(4), (2, 1, 1))
    cameras[1, :3, :3] = truth[1, :3, :3] @ truth[0, :3, :3].T
    placed = bool(np.isfinite(predicted[-1]).all())
    baseline = 0.0
    if placed:
        first, last = camera_centers(predicted[[0, -1]])
        baseline = float(np.linalg.norm(last - first))
    moved_by = truth[1, :3, 3] - cameras[1, :3, :3] @ truth[0, :3, 3]
    length = float(np.linalg.norm(moved_by))
    if not np.isfinite(length):
        if placed:
            relative = predicted[-1][:3, :3] @ predicted[0][:3, :3].T
            center = -relative.T @ (predicted[-1][:3, 3] - relative @ predicted[0][:3, 3])
            cameras[1, :3, 3] = -cameras[1, :3, :3] @ center
        return TrueCameras(
            cameras, "rotation only; its place is the prediction's" if placed else "rotation only"
        )
    if placed and baseline > 0 and length > 0:
        cameras[1, :3, 3] = moved_by * baseline / length
        return TrueCameras(cameras, "as far apart as predicted")
    cameras[1, :3, 3] = moved_by
    return TrueCameras(cameras, "distance in its own units")


def true_views(truth: np.ndarray | None, predicted: np.ndarray) -> TrueCameras:
    """True cameras of all N views, under the similarity that brings them closest to the predicted ones.

    Args:
        truth: (N, 4, 4) true world-to-camera of all views.
        predicted: (N, 3, 4) or (N, 4, 4) predicted world-to-camera, NaN where not placed.
    """
    if truth is None:
        return TrueCameras(None, "the true cameras are not known")
    placed = np.isfinite(predicted).all(axis=(1, 2))
    if placed.sum() < 2:
        return TrueCameras(None, "fewer than two views have a predicted camera to lay the true ones on")
    similarity = align_cameras(truth[placed], four_by_four(predicted[placed]))
    return TrueCameras(
        similarity.cam_from_world(truth), "turned, moved and scaled as a whole to lie on the estimated ones"
    )
