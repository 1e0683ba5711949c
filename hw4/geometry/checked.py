"""Arrays of cameras that another program has written, checked: `docs/external.md` says what each means."""

import numpy as np

from hw4.geometry.cameras import four_by_four

CAMERAS = ("cam_from_world", "world_from_cam")
# How far R Rᵀ may be from the identity: half-precision numbers stay well below.
ROTATION_TOLERANCE = 0.02


def number_array(arrays: dict[str, np.ndarray], name: str, *shapes: tuple[int | str, ...]) -> np.ndarray:
    """One of the arrays in float64, of one of these shapes; a word in a shape stands for any number.

    Raises:
        ValueError: it holds no numbers, or has another shape.
    """
    array = arrays[name]
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {array.dtype}, not numbers")
    for shape in shapes:
        if array.ndim == len(shape) and all(
            isinstance(wanted, str) or wanted == there
            for wanted, there in zip(shape, array.shape, strict=True)
        ):
            return array.astype(np.float64)
    wanted = " or ".join(f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})" for shape in shapes)
    raise ValueError(f"{name} has the shape {array.shape}, not {wanted}")


def given_cameras(arrays: dict[str, np.ndarray], n: int) -> np.ndarray:
    """(N, 3, 4) world-to-camera of whichever of `CAMERAS` is there; NaN throughout for a view with any.

    Raises:
        ValueError: neither or both are there, or one holds no cameras.
    """
    given = [name for name in CAMERAS if name in arrays]
    if len(given) != 1:
        raise ValueError(f"it has {' and '.join(given) or 'neither'} of {' and '.join(CAMERAS)}: give one")
    (name,) = given
    cameras = number_array(arrays, name, (n, 3, 4), (n, 4, 4))
    if cameras.shape[1] == 4:
        if not np.allclose(cameras[np.isfinite(cameras).all(axis=(1, 2)), 3], (0, 0, 0, 1)):
            raise ValueError(f"{name} has a last row other than 0 0 0 1")
        cameras = cameras[:, :3]
    placed = np.isfinite(cameras).all(axis=(1, 2))
    R = cameras[placed, :, :3]
    away = np.abs(R @ R.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    wrong = (away > ROTATION_TOLERANCE) | (np.linalg.det(R) < 0)
    if wrong.any():
        view = int(np.flatnonzero(placed)[wrong][0])
        raise ValueError(
            f"{name} has no rotation in view {view}: {np.round(cameras[view, :, :3], 3).tolist()}"
        )
    if name == "world_from_cam":
        cameras[placed] = np.linalg.inv(four_by_four(cameras[placed]))[:, :3]
    cameras[~placed] = np.nan
    return cameras


def given_Ks(arrays: dict[str, np.ndarray], n: int) -> np.ndarray:
    """(N, 3, 3) intrinsics ``Ks``, NaN where they are not known.

    Raises:
        ValueError: they are no pinhole cameras'.
    """
    if "Ks" not in arrays:
        return np.full((n, 3, 3), np.nan)
    Ks = number_array(arrays, "Ks", (n, 3, 3))
    known = np.isfinite(Ks).all(axis=(1, 2))
    bad = (Ks[known, 0, 0] <= 0) | (Ks[known, 1, 1] <= 0) | (Ks[known, 2] != (0, 0, 1)).any(axis=1)
    if bad.any():
        raise ValueError("Ks has a matrix that is no pinhole camera's: fx 0 cx, 0 fy cy, 0 0 1")
    Ks[~known] = np.nan
    return Ks
