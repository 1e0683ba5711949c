"""Angles of rotations, without scipy, whose import takes longer than scoring a run's samples."""

import numpy as np


def rotation_angle(rotations: np.ndarray) -> np.ndarray:
    """(...) angles in radians, 0 to π, of (..., 3, 3) rotation matrices, accurate near both ends.

    A matrix that is not quite a rotation counts as the nearest one (orthogonal Procrustes), as for
    ``scipy.spatial.transform.Rotation.from_matrix``.

    Raises:
        ValueError: a determinant is not positive.
    """
    if not (np.linalg.det(rotations) > 0).all():
        raise ValueError("a rotation matrix has a positive determinant")
    left, _, right = np.linalg.svd(rotations)
    R = left @ right
    # Twice the sine and twice the cosine: the arc cosine alone loses half of the digits near 0 and π.
    axis = np.stack([R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]])
    return np.arctan2(np.linalg.norm(axis, axis=0), np.trace(R, axis1=-2, axis2=-1) - 1)
