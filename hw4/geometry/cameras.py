"""Cameras as arrays: their centres, intrinsics of resized images, and the frustums that drawings show."""

import numpy as np
from numpy.typing import ArrayLike

# Corners of a frustum (0: the camera's centre; 1-4: its image, clockwise from the top left) that lines join.
FRUSTUM_EDGES = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1))


def camera_centers(cam_from_world: np.ndarray) -> np.ndarray:
    """(N, 3) camera centres in the world of (N, 4, 4) or (N, 3, 4) world-to-camera transforms."""
    return -np.einsum("nji,nj->ni", cam_from_world[:, :3, :3], cam_from_world[:, :3, 3])


def yaw_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Signed turn in degrees of the second optical axis about the first camera's vertical, in (-180, 180].

    Positive towards the first camera's right (OpenCV axes). (..., 3, 3) world-to-camera rotations, which
    broadcast.
    """
    axis = np.einsum("...ij,...j->...i", first, np.asarray(second)[..., 2, :])
    return np.degrees(np.arctan2(axis[..., 0], axis[..., 2]))


def widest_turn_deg(rotations: np.ndarray) -> float:
    """The largest angle in degrees between two of (N, 3, 3) rotations."""
    cosines = (np.einsum("iab,jab->ij", rotations, rotations) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1)).max()))


def four_by_four(transforms: np.ndarray) -> np.ndarray:
    """(N, 4, 4) from (N, 3, 4) or (N, 4, 4) affine transforms; always a copy."""
    result = np.tile(np.eye(4), (len(transforms), 1, 1))
    result[:, :3] = transforms[:, :3]
    return result


def rigid(cam_from_world: np.ndarray) -> np.ndarray:
    """(N, 4, 4) float64 transforms with exact rotations, of (N, 4, 4) whose are rounded; always a copy.

    Far from the origin, the last digits of a rotation move a camera.
    """
    from scipy.spatial.transform import Rotation

    result = np.array(cam_from_world, np.float64)
    result[:, :3, :3] = Rotation.from_matrix(result[:, :3, :3]).as_matrix()
    return result


def scaled_K(K: np.ndarray, size: ArrayLike, new_size: ArrayLike) -> np.ndarray:
    """(..., 3, 3) intrinsics of images resized from `size` to `new_size`, both (..., 2) width and height."""
    factors = np.asarray(new_size) / np.asarray(size)
    return np.concatenate([factors, np.ones_like(factors[..., :1])], axis=-1)[..., None] * K


def centred_K(K: np.ndarray, size: ArrayLike) -> np.ndarray:
    """(..., 3, 3) intrinsics with the principal point at the centre of images of `size` (..., 2)."""
    centred = np.array(K, float)
    centred[..., :2, 2] = np.asarray(size) / 2
    return centred


def as_world_of_first(cam_from_world: np.ndarray) -> np.ndarray:
    """(4, 4) that carries world points into the frame of the first camera that is placed, or the identity."""
    transform = np.eye(4)
    for camera in cam_from_world:
        if np.isfinite(camera).all():
            transform[:3] = camera[:3]
            break
    return transform


def moved(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """(..., 3) points under a (3, 4) or (4, 4) affine transform."""
    return points @ transform[:3, :3].T + transform[:3, 3]


def unprojected(
    pixels: np.ndarray, depth: np.ndarray, K: np.ndarray, cam_from_world: np.ndarray
) -> np.ndarray:
    """(M, 3) world points that a camera sees at (M, 2) pixels and (M,) depths (z).

    Args:
        pixels: continuous, the image's top-left corner at (0, 0).
        depth: along the optical axis.
        K: (3, 3) in the same pixels.
        cam_from_world: (3, 4) or (4, 4).
    """
    rays = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1) @ np.linalg.inv(K).T
    return (rays * depth[:, None] - cam_from_world[:3, 3]) @ cam_from_world[:3, :3]


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
