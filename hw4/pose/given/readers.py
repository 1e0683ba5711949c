"""What there is to read: COLMAP models, nerfstudio's transforms, TUM trajectories, a folder of ``.npz``."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path, PurePosixPath

import numpy as np

from hw4.core.errors import UserError
from hw4.core.npz import read_npz
from hw4.data.orientation import read_size
from hw4.data.pairs.samples import PairSample
from hw4.data.photos import time_in, without_suffix
from hw4.data.scenes.colmap_files import has_colmap
from hw4.data.views import nerfstudio
from hw4.data.views.poses import from_quaternions
from hw4.data.views.scene import SceneViews
from hw4.data.views.tum import associate, read_trajectory
from hw4.geometry.cameras import scaled_K
from hw4.geometry.checked import given_cameras, given_Ks
from hw4.pose.given.source import FromGiven, Given, scene_path, scored_paths, view_names
from hw4.pose.predictions import FromFile
from hw4.pose.source import Source

TRAJECTORIES = (".txt", ".tum")


def predictions_of(path: Path, max_difference: float) -> Source:
    """The predictions in a file or folder, told by what it is.

    Args:
        path: our own ``.npy``; a trajectory (``.txt``, ``.tum``); or a folder of ``<sample>.npz``, with a
            COLMAP model or ``transforms.json``, or of one of these or a trajectory for each scene.
        max_difference: seconds between a photo and the pose of a trajectory that is its own.

    Raises:
        UserError: it is none of them, or cannot be read.
    """
    # Each file is read once for all samples.
    of_trajectory = partial(_from_trajectory, path, cache(_read_trajectory), max_difference)
    if path.suffix.lower() in TRAJECTORIES:
        return FromGiven(path, "TUM trajectory", of_trajectory)
    if not path.is_dir():
        return FromFile(path)
    if any(path.glob("*.npz")):
        return FromGiven(path, "folder of .npz", partial(_from_npz, path))
    if _any_scene(path, lambda here: _model(here) is not None):
        return FromGiven(path, "COLMAP model", partial(_from_scene, path, cache(_read_colmap)))
    if _any_scene(path, nerfstudio.is_scene):
        return FromGiven(path, "transforms.json", partial(_from_scene, path, cache(_read_nerfstudio)))
    if any(found for suffix in TRAJECTORIES for found in path.glob(f"*{suffix}")):
        return FromGiven(path, "TUM trajectory", of_trajectory)
    raise UserError(
        f"score.predictions={path} holds no predictions: neither <sample>.npz, a COLMAP model "
        "(cameras, images, points3D, also in sparse/0), transforms.json nor trajectories (.txt, .tum)."
    )


def _any_scene(root: Path, fits: Callable[[Path], bool]) -> bool:
    """Whether a folder or one in it fits."""
    return fits(root) or any(fits(here) for here in sorted(root.iterdir()) if here.is_dir())


def _from_npz(root: Path, sample: PairSample) -> Given | None:
    """``<sample>.npz``: cameras, and `Ks` where they are known, of the sample's views in their order."""
    path = root / f"{sample.idx}.npz"
    if not path.is_file():
        return None
    arrays, n = read_npz(path), len(scored_paths(sample))
    return Given(given_cameras(arrays, n), given_Ks(arrays, n) if "Ks" in arrays else None)


def _model(root: Path) -> Path | None:
    return next((p for p in (root / "sparse" / "0", root / "sparse", root) if has_colmap(p)), None)


def _read_colmap(root: Path) -> SceneViews:
    from hw4.data.views.colmap import read_model

    model = _model(root)
    if model is None:
        raise UserError(f"{root} holds no COLMAP model.")
    return read_model(root.name, model, root / "images")


def _read_nerfstudio(root: Path) -> SceneViews:
    return nerfstudio.read_scene(root.name, root)


def _from_scene(root: Path, read: Callable[[Path], SceneViews], sample: PairSample) -> Given | None:
    """The cameras of the views that a scene knows by the photos' names."""
    scene = read(scene_path(root, sample))
    places = _places(scene.names, view_names(sample))
    if all(place is None for place in places):
        return None
    n = len(places)
    cam_from_world, Ks = np.full((n, 3, 4), np.nan), np.full((n, 3, 3), np.nan)
    for view, (place, path) in enumerate(zip(places, scored_paths(sample), strict=True)):
        if place is None:
            continue
        cam_from_world[view] = scene.cam_from_world[place][:3]
        if scene.Ks is not None:
            Ks[view] = scene.Ks[place]
            size = read_size(path) if path.is_file() else None
            if size is not None and scene.sizes is not None and np.isfinite(scene.sizes[place]).all():
                Ks[view] = scaled_K(Ks[view], scene.sizes[place], size)
    return Given(cam_from_world, Ks)


def _places(known: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """Where each wanted name stands among the known ones, or None.

    The same name counts most, then the longest end of the path that only one has, then that without suffix.
    """
    return [_place(_ends(tuple(known)), name) for name in wanted]


@lru_cache(maxsize=4)
def _ends(known: tuple[str, ...]) -> dict[str, int | None]:
    """Every end of every name, with and without suffix -> the place of the one that has it; None: several."""
    found: dict[str, int | None] = {}
    for place, name in enumerate(known):
        for end in {end for whole in (name, without_suffix(name)) for end in _tails(whole)}:
            found[end] = None if end in found else place
    # A whole name is its own, whatever else ends so.
    return found | {name: place for place, name in enumerate(known)}


def _tails(name: str) -> list[str]:
    """A path and its ends, the longest first."""
    parts = PurePosixPath(name).parts
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _place(ends: dict[str, int | None], name: str) -> int | None:
    for whole in (name, without_suffix(name)):
        for end in _tails(whole):
            if end in ends:
                return ends[end]
    return None


def _read_trajectory(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times and (N, 3, 4) world-to-camera."""
    times, poses = read_trajectory(path)
    names = [str(time) for time in times]
    quat_wxyz = poses[:, [6, 3, 4, 5]] * [1, -1, -1, -1]
    return times, from_quaternions(quat_wxyz, poses[:, :3], names, path)[:, :3]


def _from_trajectory(
    root: Path,
    read: Callable[[Path], tuple[np.ndarray, np.ndarray]],
    max_difference: float,
    sample: PairSample,
) -> Given | None:
    """The poses at the times that the photos' names tell."""
    path = scene_path(root, sample, TRAJECTORIES)
    if path.is_dir():
        return None
    times, cam_from_world = read(path)
    told = [time_in(name) for name in view_names(sample)]
    if None in told:
        name = view_names(sample)[told.index(None)]
        raise ValueError(f"the name {name} tells no time, by which a trajectory's poses are found")
    at = associate(np.array([float(str(time)) for time in told]), times, max_difference)
    if (at < 0).all():
        return None
    return Given(np.where((at >= 0)[:, None, None], cam_from_world[at], np.nan))
