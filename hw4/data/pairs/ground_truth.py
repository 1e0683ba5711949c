"""The ground truth of the pair layout: its file, and the cameras in one entry."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.core.durable import parse_json
from hw4.core.errors import UserError
from hw4.data.pickles import load_npy_dict

# Pixels; no lens and sensor have a longer one.
MAX_FOCAL = 1e7


def read_ground_truth(path: Path) -> dict[int, dict[str, Any]]:
    """Entries of ``gt.npy`` (restricted unpickler) or ``gt.json``, by sample number.

    Raises:
        UserError: missing or refused file, or keys that are not sample numbers.
    """
    if not path.is_file():
        raise UserError(
            f"the ground truth {path} does not exist; put it there, or name it with data.gt=...; "
            "task=predict does without."
        )
    if path.suffix == ".json":
        try:
            # Bytes: a byte-order mark and UTF-16 are understood.
            content = parse_json(path.read_bytes())
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}; check data.gt.") from error
        except ValueError as error:
            raise UserError(f"{path} is not JSON ({error}); mend the file.") from error
    else:
        content = load_npy_dict(path)
    if not isinstance(content, dict) or not all(_is_number(key) for key in content):
        raise UserError(f"{path}: the keys of the ground truth must be sample numbers.")
    return {int(key): value for key, value in content.items()}


def _is_number(key: Any) -> bool:
    # More digits than any data set needs would not even convert.
    return isinstance(key, int | str) and re.fullmatch(r"[0-9]{1,18}", str(key)[:20]) is not None


def camera_from_entry(view: dict[str, Any], convention: str) -> np.ndarray:
    """(4, 4) world-to-camera matrix from ``{qx, qy, qz, qw[, tx, ty, tz]}``.

    Args:
        view: quaternion (any norm but zero) and optional translation in scene units.
        convention: ``w2c`` or ``c2w``: what the numbers mean.

    Returns:
        world-to-camera; its translation is NaN where the entry has none.

    Raises:
        ValueError: a missing key, NaN or infinity, or a zero quaternion; the message says which.
    """
    try:
        quat_xyzw = np.array([float(view[key]) for key in ("qx", "qy", "qz", "qw")])
        keys = ("tx", "ty", "tz")
        has_translation = any(key in view for key in keys)
        translation = np.array([float(view[k]) for k in keys]) if has_translation else np.full(3, np.nan)
    except KeyError as error:
        raise ValueError(f"the camera has no {error.args[0]!r}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the camera holds something that is not a number ({error})") from error
    if not np.isfinite(quat_xyzw).all() or (has_translation and not np.isfinite(translation).all()):
        raise ValueError("the camera holds NaN or infinity")
    largest = np.abs(quat_xyzw).max()
    if largest > 1e100:
        # The norm of such components would overflow.
        quat_xyzw = quat_xyzw / largest
    if np.linalg.norm(quat_xyzw) < 1e-6:
        raise ValueError("the quaternion is zero")
    rotation = Rotation.from_quat(quat_xyzw).as_matrix()
    if convention == "c2w":
        rotation, translation = rotation.T, -rotation.T @ translation
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    return matrix


def intrinsics_from_entry(entry: dict[str, Any]) -> np.ndarray | None:
    """(2, 3, 3) intrinsics in pixels of the two photos, or None where either has none.

    Raises:
        ValueError: something else than two matrices of a camera; the message says what is wrong.
    """
    per_view = [entry[view].get("K", entry.get("K")) for view in ("img1", "img2")]
    if any(K is None for K in per_view):
        return None
    try:
        Ks = np.array([np.array(K, dtype=float) for K in per_view])
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("K must be two finite 3x3 matrices of numbers") from error
    return checked_Ks(Ks)


def checked_Ks(Ks: np.ndarray) -> np.ndarray:
    """The same (2, 3, 3) intrinsics; ValueError unless they are two cameras'."""
    if Ks.shape != (2, 3, 3) or not np.isfinite(Ks).all():
        raise ValueError(f"K must be two finite 3x3 matrices, not {Ks.shape}")
    focals = Ks[:, [0, 1], [0, 1]]
    if (focals <= 0).any() or (focals > MAX_FOCAL).any() or not np.array_equal(Ks[:, 2], [[0, 0, 1]] * 2):
        raise ValueError("K is no camera: it needs focal lengths above 0 in pixels and the last row 0 0 1")
    return Ks
