"""Similarity transform between two estimates of the same cameras."""

from dataclasses import dataclass

import numpy as np

from hw4.geometry.cameras import camera_centers


@dataclass(frozen=True)
class Similarity:
    """``x_target = scale * rotation @ x_source + translation`` on world points."""

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    @property
    def inverse(self) -> "Similarity":
        """From the target world back into the source's."""
        rotation = self.rotation.T
        return Similarity(1 / self.scale, rotation, -(rotation @ self.translation) / self.scale)

    def points(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) source points in the target world."""
        # Points that are no finite numbers stay such.
        with np.errstate(invalid="ignore"):
            return self.scale * points @ self.rotation.T + self.translation

    def cam_from_world(self, cam_from_world: np.ndarray) -> np.ndarray:
        """(N, 4, 4) source cameras in the target world; the camera's own unit becomes the target's."""
        result = np.tile(np.eye(4), (len(cam_from_world), 1, 1))
        result[:, :3, :3] = cam_from_world[:, :3, :3] @ self.rotation.T
        t = self.scale * cam_from_world[:, :3, 3]
        result[:, :3, 3] = t - np.einsum("nij,j->ni", result[:, :3, :3], self.translation)
        return result


def umeyama(source: np.ndarray, target: np.ndarray) -> Similarity:
    """Least-squares similarity between (P, 3) point sets (Umeyama, TPAMI 1991)."""
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    centered_s, centered_t = source - mean_s, target - mean_t
    u, d, vt = np.linalg.svd(centered_t.T @ centered_s / len(source))
    signs = np.ones(3)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        signs[2] = -1
    rotation = (u * signs) @ vt
    variance = (centered_s**2).sum() / len(source)
    scale = float((d * signs).sum() / variance) if variance > 0 else 1.0
    return Similarity(scale, rotation, mean_t - scale * rotation @ mean_s)


def align_cameras(source: np.ndarray, target: np.ndarray) -> Similarity:
    """Similarity that carries `source` cameras onto `target` cameras, both (N, 4, 4) world-to-camera, N >= 1.

    Umeyama on the centres and, for each camera, the tips of its three axes, drawn as long as the cameras'
    spread: two cameras, or many on a line, leave no freedom to turn about that line. With a single camera,
    or all in one place, the scale cannot be observed and is 1.
    """
    clouds = []
    for cameras in (source, target):
        centers = camera_centers(cameras)
        spread = float(np.sqrt(((centers - centers.mean(axis=0)) ** 2).sum(axis=1).mean()))
        clouds.append((cameras, centers, spread))
    observable = min(clouds[0][2], clouds[1][2]) > 1e-9
    stacked = []
    for cameras, centers, spread in clouds:
        length = spread if observable else 1.0
        tips = centers[:, None] + length * cameras[:, :3, :3]
        stacked.append(np.concatenate([centers, tips.reshape(-1, 3)]))
    return umeyama(stacked[0], stacked[1])
