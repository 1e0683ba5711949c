"""Poses as data sets write them, made into rigid world-to-camera transforms."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.core.errors import UserError
from hw4.core.regular import regular

# What a written rotation matrix may miss of orthogonality: poses often have four digits.
ROTATION_TOLERANCE = 2e-2
UNIT_TOLERANCE = 1e-2
# OpenGL's camera looks along -z with y up: the same camera with OpenCV axes.
OPENCV_FROM_OPENGL = np.diag([1.0, -1, -1, 1])


def cam_from_world_of(world_from_cam: np.ndarray, names: Sequence[str], where: Path | str) -> np.ndarray:
    """(N, 4, 4) world-to-camera of finite (N, 4, 4) camera-to-world; the camera centres are kept exactly.

    Raises:
        UserError: one holds no rotation matrix; `names` and `where` say which and where.
    """
    rotations = rigid_rotations(world_from_cam[:, :3, :3], names, where).transpose(0, 2, 1)
    return _with_centers(rotations, world_from_cam[:, :3, 3])


def rigid(cam_from_world: np.ndarray, names: Sequence[str], where: Path | str) -> np.ndarray:
    """(N, 4, 4) world-to-camera with orthogonal rotations, of finite (N, 3, 4) or (N, 4, 4) written ones.

    Raises:
        UserError: as `cam_from_world_of`.
    """
    written = cam_from_world[:, :3, :3]
    rotations = rigid_rotations(written, names, where)
    centers = -np.linalg.solve(written, cam_from_world[:, :3, 3:])[..., 0]
    return _with_centers(rotations, centers)


def from_quaternions(
    quat_wxyz: np.ndarray, centers: np.ndarray, names: Sequence[str], where: Path | str
) -> np.ndarray:
    """(N, 4, 4) world-to-camera of (N, 4) world-to-camera quaternions and (N, 3) camera centres.

    Raises:
        UserError: a quaternion is not of unit length.
    """
    with np.errstate(over="ignore"):
        off = np.abs(np.linalg.norm(quat_wxyz, axis=1) - 1)
    bad = np.flatnonzero(~(off <= UNIT_TOLERANCE))
    if len(bad):
        raise UserError(
            f"the quaternion of {names[bad[0]]} in {where} is {quat_wxyz[bad[0]].tolist()}, not of unit "
            f"length ({len(bad)} such): check that the files are of this layout."
        )
    rotations = Rotation.from_quat(quat_wxyz[:, [1, 2, 3, 0]]).as_matrix() if len(quat_wxyz) else []
    return _with_centers(np.reshape(rotations, (-1, 3, 3)), centers)


def _with_centers(rotations: np.ndarray, centers: np.ndarray) -> np.ndarray:
    cameras = np.tile(np.eye(4), (len(rotations), 1, 1))
    cameras[:, :3, :3] = rotations
    cameras[:, :3, 3] = -np.einsum("nij,nj->ni", rotations, centers)
    return cameras


def rigid_rotations(rotations: np.ndarray, names: Sequence[str], where: Path | str) -> np.ndarray:
    """The nearest orthogonal matrices of (N, 3, 3) written ones."""
    off = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0)
    bad = np.flatnonzero(~(off <= ROTATION_TOLERANCE) | (np.linalg.det(rotations) < 0))
    if len(bad):
        raise UserError(
            f"the pose of {names[bad[0]]} in {where} holds no rotation matrix ({len(bad)} such): check that "
            "the files are poses of this layout."
        )
    u, _, vt = np.linalg.svd(rotations)
    return np.asarray(u @ vt)


def known_poses(poses: np.ndarray) -> np.ndarray:
    """(N,) bool: which of (N, ...) poses hold numbers only. A lost camera is written as NaN or infinity."""
    return np.asarray(np.isfinite(poses.reshape(len(poses), -1)).all(axis=1))


def dropped(known: np.ndarray, names: Sequence[str], what: str = "pose") -> tuple[str, ...]:
    """What is to be said of the views that are left out, if any: their number and the first."""
    lost = np.flatnonzero(~known)
    if not len(lost):
        return ()
    have, are = ("has", "is") if len(lost) == 1 else ("have", "are")
    first = names[lost[0]]
    return (f"{len(lost)} of {len(known)} views {have} no {what} and {are} left out, {first} first",)


def read_matrix(path: Path, shape: tuple[int, int] = (4, 4)) -> np.ndarray:
    """The numbers of a text file between blanks, as a matrix; NaN and infinities are numbers here.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    try:
        numbers = np.array(regular(path).read_bytes().split(), float)
        return numbers.reshape(shape)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} does not hold {shape[0]}x{shape[1]} numbers ({error}).") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that say something: neither empty nor behind a ``#``.

    Raises:
        UserError: it cannot be read, or is no text.
    """
    try:
        lines = regular(path).read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UserError(f"cannot read {path}: {reason}.") from error
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]
