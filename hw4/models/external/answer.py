"""What a program answers, arrays in an ``.npz``, checked and made a `Reconstruction`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from hw4.data.photos import resize_map
from hw4.geometry.checked import CAMERAS, given_cameras, given_Ks, number_array
from hw4.models.base import Reconstruction
from hw4.models.external.photos import as_seen

# Arrays of one value a pixel, and how many numbers a value has.
MAPS = {"pts3d": (3,), "depth": (), "conf": ()}
KNOWN = (*CAMERAS, "Ks", "size", "original_from_model", *MAPS, "points", "point_colors")

# More are no image's.
MOST_PIXELS = 2**27


def reconstruction_of(
    arrays: dict[str, np.ndarray], photos: Sequence[Image.Image], notes: Any = None, diagnoses: Any = None
) -> Reconstruction:
    """The reconstruction that a program has answered; `docs/external.md` says what each array means.

    Args:
        arrays: by name, as `hw4.core.npz.read_npz` reads them.
        photos: the upright photos, RGB.
        notes: an object of the program's own facts, or None.
        diagnoses: for each photo a word about it or null, or None.

    Raises:
        ValueError: it is no answer about these photos; the message says what is wrong.
    """
    n = len(photos)
    for name in arrays:
        if name.split("/")[0] not in KNOWN:
            raise ValueError(f"{name!r} is none of the arrays {', '.join(KNOWN)}")
    cam_from_world = given_cameras(arrays, n)
    maps = {name: _maps(arrays, name, n) for name in MAPS}
    sizes = _sizes(arrays, maps, photos)
    original_from_model = _original_from_model(arrays, sizes, photos)
    Ks = given_Ks(arrays, n)
    _fill(maps, cam_from_world, Ks)
    points = _points(arrays, "points")
    colors = _points(arrays, "point_colors")
    if colors is not None and (points is None or len(colors) != len(points)):
        raise ValueError("point_colors are not one for each of points")
    if not isinstance(notes, dict | None):
        raise ValueError("notes are no JSON object")
    return Reconstruction(
        cam_from_world,
        Ks,
        np.array([photo.size for photo in photos]),
        original_from_model,
        [as_seen(p, s, a) for p, s, a in zip(photos, sizes, original_from_model, strict=True)],
        pts3d=maps["pts3d"],
        conf=maps["conf"],
        depth=maps["depth"],
        points=None if points is None else points.astype(np.float32),
        point_colors=None if colors is None else colors.astype(np.uint8),
        diagnoses=_diagnoses(diagnoses, n),
        notes=notes or {},
    )


def _maps(arrays: dict[str, np.ndarray], name: str, n: int) -> list[np.ndarray] | None:
    """One array a view, from one array of all or from ``name/0``...; None where there is neither."""
    tail = MAPS[name]
    single = sorted(key for key in arrays if key.startswith(f"{name}/"))
    if single:
        wanted = [f"{name}/{view}" for view in range(n)]
        if name in arrays or single != sorted(wanted):
            raise ValueError(f"it has {', '.join(single)}: give {name}, or {wanted[0]} to {wanted[-1]}")
        views = [number_array(arrays, key, ("H", "W", *tail)) for key in wanted]
    elif name in arrays:
        views = list(number_array(arrays, name, (n, "H", "W", *tail)))
    else:
        return None
    return [view.astype(np.float32) for view in views]


def _sizes(
    arrays: dict[str, np.ndarray], maps: dict[str, list[np.ndarray] | None], photos: Sequence[Image.Image]
) -> list[tuple[int, int]]:
    """Width and height of each view as the model saw it."""
    n = len(photos)
    said = None
    if "size" in arrays:
        said = np.broadcast_to(number_array(arrays, "size", (2,), (n, 2)), (n, 2))
        if not (said >= 1).all() or not (said.prod(axis=1) <= MOST_PIXELS).all():
            raise ValueError("size is no width and height in pixels")
    of_maps = [[view.shape[1::-1] for view in views] for views in maps.values() if views is not None]
    found = [*of_maps, *([] if said is None else [[(int(w), int(h)) for w, h in said]])]
    if not found:
        return [photo.size for photo in photos]
    if any(sizes != found[0] for sizes in found):
        raise ValueError(f"its arrays are of images of several sizes: {', '.join(map(str, found))}")
    if any(0 in size for size in found[0]):
        raise ValueError("its arrays are of images without pixels")
    return [(int(w), int(h)) for w, h in found[0]]


def _original_from_model(
    arrays: dict[str, np.ndarray], sizes: Sequence[tuple[int, int]], photos: Sequence[Image.Image]
) -> np.ndarray:
    if "original_from_model" not in arrays:
        return np.stack([resize_map(s, photo.size) for s, photo in zip(sizes, photos, strict=True)])
    maps = number_array(arrays, "original_from_model", (len(photos), 3, 3))
    affine = np.isfinite(maps).all() and (maps[:, 2] == (0, 0, 1)).all()
    if not affine or not (np.linalg.det(maps[:, :2, :2]) > 0).all():
        raise ValueError("original_from_model has a matrix that is no affine map of pixels to pixels")
    return maps


def _fill(maps: dict[str, Any], cam_from_world: np.ndarray, Ks: np.ndarray) -> None:
    """Points from depth or depth from points, where one of them is there and the cameras suffice."""
    R, t = cam_from_world[:, :, :3], cam_from_world[:, :, 3]
    if maps["depth"] is None and maps["pts3d"] is not None:
        maps["depth"] = [
            (points @ R[view, 2] + t[view, 2]).astype(np.float32) for view, points in enumerate(maps["pts3d"])
        ]
    elif maps["pts3d"] is None and maps["depth"] is not None and np.isfinite(Ks).any():
        maps["pts3d"] = [_unprojected(d, Ks[v], R[v], t[v]) for v, d in enumerate(maps["depth"])]


def _unprojected(depth: np.ndarray, K: np.ndarray, R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(H, W, 3) world points of the middles of pixels; NaN where the camera is not known."""
    height, width = depth.shape
    if not np.isfinite(K).all():
        return np.full((height, width, 3), np.nan, np.float32)
    v, u = np.mgrid[:height, :width] + 0.5
    in_camera = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T * depth[..., None]
    return ((in_camera - t) @ R).astype(np.float32)


def _points(arrays: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    return number_array(arrays, name, ("P", 3)) if name in arrays else None


def _diagnoses(said: Any, n: int) -> list[str | None]:
    if said is None:
        return []
    if not isinstance(said, list) or len(said) != n or not all(isinstance(s, str | None) for s in said):
        raise ValueError(f"diagnoses are not {n} words or nulls")
    return said
