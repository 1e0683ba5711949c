"""How far matches lie from the epipolar lines of known cameras."""

import numpy as np


def epipolar_distances_px(xy: np.ndarray, cam_from_world: np.ndarray, Ks: np.ndarray) -> np.ndarray | None:
    """The larger distance of each match's two ends from the epipolar line of the other end.

    Args:
        xy: (M, 4) pixels x and y in the first photo, then in the second one.
        cam_from_world: (2, 4, 4) world-to-camera.
        Ks: (2, 3, 3) in the same pixels.

    Returns:
        (M,) in pixels; None where cameras or intrinsics are not known, or the cameras stand in one place.
    """
    relative = cam_from_world[1] @ np.linalg.inv(cam_from_world[0])
    x, y, z = relative[:3, 3]
    if not (np.isfinite(relative).all() and np.isfinite(Ks).all()) or np.linalg.norm((x, y, z)) < 1e-12:
        return None
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    F = np.linalg.inv(Ks[1]).T @ across @ relative[:3, :3] @ np.linalg.inv(Ks[0])
    first, second = (np.column_stack([xy[:, part], np.ones(len(xy))]) for part in (slice(0, 2), slice(2, 4)))
    lines = second @ F, first @ F.T
    off = np.abs(np.einsum("mi,mi->m", second, lines[1]))
    # A match at an epipole has no line.
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = [off / np.linalg.norm(line[:, :2], axis=1) for line in lines]
    return np.nanmax([*distances, np.zeros(len(xy))], axis=0)
