"""TUM's RGB-D trajectories (`data=tum`).

``groundtruth.txt`` has ``timestamp tx ty tz qx qy qz qw``: the pose of the camera's optical centre in the
world, OpenCV axes; depth maps have 5000 units a metre and lie on the photos' pixels. Source: the
benchmark's "File formats" and "Intrinsic camera calibration". Its K takes a pixel's centre for whole
numbers; here the image's corner is (0, 0), half a pixel further.
"""

from pathlib import Path

import numpy as np

from hw4.config import TumConfig
from hw4.core.errors import UserError
from hw4.data.photos import refuse_outside
from hw4.data.views.depth import DepthFile
from hw4.data.views.folders import scene_folders
from hw4.data.views.poses import dropped, from_quaternions, known_poses, read_lines
from hw4.data.views.scene import SceneViews

METRES = 1 / 5000
SIZE = (640.0, 480.0)
# fx, fy, cx, cy of the three cameras' photos, with lens distortion; the third one's were rectified.
CALIBRATED = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
DISTORTED = ("freiburg1", "freiburg2")


def scenes(config: TumConfig) -> list[SceneViews]:
    """Every sequence; views in the order of time.

    Raises:
        UserError: there is none, or a file cannot be read.
    """
    found = scene_folders(
        config,
        lambda path: (path / "rgb.txt").is_file() and (path / "groundtruth.txt").is_file(),
        "rgb.txt and groundtruth.txt",
    )
    return [_scene(name, path, config.max_difference) for name, path in found.items()]


def _scene(name: str, root: Path, limit: float) -> SceneViews:
    times, photos = _listed(root / "rgb.txt")
    stamps, values = read_trajectory(root / "groundtruth.txt")
    at = associate(times, stamps, limit)
    known = at >= 0
    poses = np.full((len(times), 7), np.nan)
    poses[known] = values[at[known]]
    known &= known_poses(poses)
    notes = dropped(known, photos, f"pose within {limit:g} s")
    kept = np.flatnonzero(known)
    names = tuple(photos[i] for i in kept)
    # The quaternions are those of camera-to-world; their conjugates those of world-to-camera.
    quat_wxyz = poses[kept][:, [6, 3, 4, 5]] * [1, -1, -1, -1]
    depths, listing = None, [root / "rgb.txt", root / "groundtruth.txt"]
    if (root / "depth.txt").is_file():
        depth_times, maps = _listed(root / "depth.txt")
        nearest = associate(times[kept], depth_times, limit)
        depths = tuple(None if i < 0 else DepthFile(root / maps[i], METRES) for i in nearest)
        listing.append(root / "depth.txt")
    Ks, said = _intrinsics(root, len(names))
    if (root / "calibration.txt").is_file():
        listing.append(root / "calibration.txt")
    return SceneViews(
        name,
        names,
        tuple(root / view for view in names),
        from_quaternions(quat_wxyz, poses[kept][:, :3], names, root / "groundtruth.txt"),
        Ks,
        None if Ks is None else np.tile(SIZE, (len(names), 1)),
        depths,
        tuple(listing),
        (*notes, *said),
    )


def associate(times: np.ndarray, others: np.ndarray, limit: float) -> np.ndarray:
    """The place in `others` of what is nearest to each of `times`, or -1 where that is further than `limit`.

    `others` may be in any order. Each of them belongs to one of `times` at most, the nearest one.
    """
    found = np.full(len(times), -1)
    if not len(times) or not len(others):
        return found
    order = np.argsort(others, kind="stable")
    right = np.clip(np.searchsorted(others[order], times), 1, max(len(others) - 1, 1))
    sides = np.stack([order[right - 1], order[np.minimum(right, len(others) - 1)]])
    apart = np.abs(others[sides] - times)
    nearest, gap = sides[apart.argmin(axis=0), np.arange(len(times))], apart.min(axis=0)
    taken: set[int] = set()
    for i in np.argsort(gap, kind="stable"):
        if gap[i] <= limit and int(nearest[i]) not in taken:
            taken.add(int(nearest[i]))
            found[i] = nearest[i]
    return found


def _listed(path: Path) -> tuple[np.ndarray, list[str]]:
    """Times and file names of ``rgb.txt`` or ``depth.txt``."""
    rows = [line.split() for line in read_lines(path)]
    try:
        times, names = np.array([float(row[0]) for row in rows]), [row[1] for row in rows]
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} has a line that is not 'timestamp filename' ({error}).") from error
    refuse_outside(names, path)
    if len(set(names)) < len(names):
        raise UserError(f"{path} names a file twice.")
    order = np.argsort(times, kind="stable")
    return times[order], [names[i] for i in order]


def read_trajectory(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times, and (N, 7) ``tx ty tz qx qy qz qw``, camera-to-world.

    Raises:
        UserError: it cannot be read, or has another line.
    """
    try:
        rows = np.array([line.split() for line in read_lines(path)], float).reshape(-1, 8)
    except ValueError as error:
        raise UserError(
            f"{path} has a line that is not 'timestamp tx ty tz qx qy qz qw' ({error})."
        ) from error
    return rows[:, 0], rows[:, 1:]


def _intrinsics(root: Path, n: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(N, 3, 3) of ``calibration.txt``, or of the camera that the folder names; and what is to be said."""
    path = root / "calibration.txt"
    camera = next((name for name in CALIBRATED if name in root.resolve().name), None)
    if path.is_file():
        try:
            fx, fy, cx, cy = np.array(" ".join(read_lines(path)).split()[:4], float)
        except ValueError as error:
            raise UserError(f"{path} does not begin with 'fx fy cx cy' ({error}).") from error
        notes: tuple[str, ...] = ()
    elif camera is not None:
        fx, fy, cx, cy = CALIBRATED[camera]
        notes = (
            (f"photos of {camera} have lens distortion: models see them as they are",)
            if camera in DISTORTED
            else ()
        )
    else:
        return None, ("intrinsics are not known: the folder's name has no freiburg1, 2 or 3",)
    return np.tile([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]], (n, 1, 1)), notes
