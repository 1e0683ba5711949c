"""Point clouds and camera frustums as plain arrays."""

from dataclasses import dataclass

import numpy as np

from hw4.geometry.align import camera_centers
from hw4.models.base import Reconstruction

# Corners of a frustum (0: the camera's centre; 1-4: its image, clockwise from the top left) that lines join.
FRUSTUM_EDGES = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1))


@dataclass(frozen=True)
class Cloud:
    """World points with what is known about each.

    Attributes:
        points: (P, 3) float64.
        colors: (P, 3) uint8.
        conf: (P,) float32, the model's own scale, or None where it has none.
        n_all: how many finite points the model gave before any were left out.
    """

    points: np.ndarray
    colors: np.ndarray
    conf: np.ndarray | None
    n_all: int

    def __len__(self) -> int:
        return len(self.points)

    def at_most(self, count: int) -> "Cloud":
        """That many of its points, spread evenly over their order."""
        if len(self) <= count:
            return self
        keep = np.linspace(0, len(self) - 1, count).astype(int)
        conf = None if self.conf is None else self.conf[keep]
        return Cloud(self.points[keep], self.colors[keep], conf, self.n_all)


def cloud_of(reconstruction: Reconstruction, min_conf: float = 0.0, placed_only: bool = True) -> Cloud:
    """Finite points of a reconstruction with at least that confidence.

    Args:
        reconstruction: with pointmaps, sparse points, or neither.
        min_conf: on the model's own scale; points without confidence are all kept.
        placed_only: leave out pointmaps of views without a camera.
    """
    r = reconstruction
    conf = None
    if r.pts3d is not None:
        views = [v for v in range(r.n_views) if r.is_valid(v) or not placed_only]
        points = np.concatenate([np.zeros((0, 3)), *(r.pts3d[v].reshape(-1, 3) for v in views)])
        colors = np.concatenate([np.zeros((0, 3), np.uint8), *(r.images[v].reshape(-1, 3) for v in views)])
        if r.conf is not None:
            conf = np.concatenate([np.zeros(0, np.float32), *(r.conf[v].ravel() for v in views)])
    elif r.points is not None:
        points = r.points.astype(np.float64)
        gray = np.full((len(points), 3), 128, np.uint8)
        colors = gray if r.point_colors is None else r.point_colors
    else:
        points, colors = np.zeros((0, 3)), np.zeros((0, 3), np.uint8)
    finite = np.isfinite(points).all(axis=1)
    keep = finite if conf is None else finite & (conf >= min_conf)
    return Cloud(points[keep], colors[keep], None if conf is None else conf[keep], int(finite.sum()))


def frustum(cam_from_world: np.ndarray, K: np.ndarray, size: tuple[int, int], depth: float) -> np.ndarray:
    """(5, 3) world points: the camera's centre, then the corners of its image at a depth.

    Args:
        cam_from_world: (3, 4) or (4, 4).
        K: (3, 3) in pixels of an image of `size` (width, height).
        size: width and height.
        depth: distance of the image along the optical axis, world units.
    """
    width, height = size
    corners = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)], float)
    in_camera = np.concatenate([np.zeros((1, 3)), depth * corners @ np.linalg.inv(K).T])
    return (in_camera - cam_from_world[:3, 3]) @ cam_from_world[:3, :3]


def frustum_depth(points: np.ndarray, cam_from_world: np.ndarray) -> float:
    """How deep frustums are drawn: an eighth of the cameras' spread or a tenth of the cloud's, if larger."""
    sizes = [0.0]
    for cloud, share in ((camera_centers(cam_from_world), 1 / 8), (points, 0.1)):
        finite = cloud[np.isfinite(cloud).all(axis=1)]
        if len(finite) > 1:
            low, high = np.quantile(finite, (0.05, 0.95), axis=0)
            sizes.append(share * float(np.linalg.norm(high - low)))
    return max(sizes) or 0.1


def image_size(reconstruction: Reconstruction, view: int) -> tuple[int, int]:
    """Width and height of a view as the model saw it: the image that `Ks` refers to."""
    height, width = reconstruction.images[view].shape[:2]
    return width, height


def as_world_of_first(cam_from_world: np.ndarray) -> np.ndarray:
    """(4, 4) that carries world points into the frame of the first camera that is placed, or the identity."""
    transform = np.eye(4)
    for camera in cam_from_world:
        if np.isfinite(camera).all():
            transform[:3] = camera[:3]
            break
    return transform


def moved(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """(..., 3) points under a (4, 4) affine transform."""
    return points @ transform[:3, :3].T + transform[:3, 3]
