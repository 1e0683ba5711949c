"""SpatialBench's scenes (`data=spatialbench`).

A scene has ``images/``, ``poses/`` (``.npy``, camera-to-world, (3, 4) or (4, 4), OpenCV axes),
``intrinsics/`` and ``depths/``, matched by their places in the sorted folders, and ``meta.json``:
``intrinsic_mode`` shared (``intrinsic.npy``) or per frame, and ``depth_format``. Source: the benchmark's
``datasets/data_readers.py``.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import SpatialbenchConfig
from hw4.core.durable import parse_json
from hw4.core.errors import UserError, brief
from hw4.core.regular import regular
from hw4.data.views.depth import ARRAY, RAW, DepthFile
from hw4.data.views.folders import scene_folders
from hw4.data.views.poses import cam_from_world_of, dropped, known_poses
from hw4.data.views.scene import SceneViews

PHOTOS = (".png", ".jpg", ".jpeg")
DEPTHS = (*PHOTOS, ".npy", ".exr")
NOT_FRAMES = ("intrinsic.npy", "K_rect.npy", "K_distorted.npy", "distortion_coeffs.npy")
DENSITIES = ("sparse", "medium", "dense", "single")
# Stored numbers per metre of a 16-bit picture, and from where on they mean the sky.
SCALES = {
    "uint16_png_div1000": (1000.0, None),
    "uint16_png_div1000_rectified": (1000.0, None),
    "uint16_png_div100": (100.0, 65500.0),
    "uint16_png_div_655.35": (655.35, None),
}


def scenes(config: SpatialbenchConfig) -> list[SceneViews]:
    """Every scene, by its path below the root; views in the order of their file names.

    Raises:
        UserError: there is none, or a file cannot be read.
    """
    found = scene_folders(
        config,
        lambda path: (path / "meta.json").is_file() and (path / "images").is_dir(),
        "meta.json and images/",
        depth=6,
    )
    if config.density is not None:
        found = {name: path for name, path in found.items() if config.density in path.parts}
        if not found:
            raise UserError(
                f"{config.root} has no scene below a folder {config.density}; leave out data.density."
            )
    return [_scene(name, path) for name, path in found.items()]


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def _scene(name: str, root: Path) -> SceneViews:
    meta = _meta(root / "meta.json")
    photos, poses = _files(root / "images", PHOTOS), _files(root / "poses", (".npy",))
    if meta.get("pose", "") == "none" or len(poses) != len(photos):
        raise UserError(
            f"{root} has {len(photos)} photos and {len(poses)} poses: it has no pose for each photo."
        )
    names = [path.name for path in photos]
    written = np.array([_pose(path) for path in poses]).reshape(-1, 4, 4)
    known = known_poses(written)
    kept = np.flatnonzero(known)
    named = tuple(names[i] for i in kept)
    Ks, matrices = _intrinsics(root, str(meta.get("intrinsic_mode", "shared")), len(photos))
    depths, notes = _depths(root, meta, len(photos))
    if meta.get("pyrep_flip"):
        raise UserError(
            f"{root} wants photos to be mirrored (pyrep_flip in meta.json), which is not done here."
        )
    return SceneViews(
        name,
        named,
        tuple(photos[i] for i in kept),
        cam_from_world_of(written[kept], named, root / "poses"),
        Ks[kept],
        depths=None if depths is None else tuple(depths[i] for i in kept),
        listing=(root / "meta.json", *poses, *matrices),
        notes=(*dropped(known, names), *notes),
    )


def _meta(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(regular(path).read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} ({error}).") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no JSON object.")
    return content


def _array(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(regular(path), allow_pickle=False), np.float64)
    # A damaged header raises whatever its bytes happen to ask for.
    except Exception as error:
        raise UserError(f"cannot read {path} ({brief(error)}).") from error


def _pose(path: Path) -> np.ndarray:
    pose = _array(path)
    if pose.shape not in ((3, 4), (4, 4)):
        raise UserError(f"{path} holds an array of {pose.shape}; a pose is (3, 4) or (4, 4).")
    return np.vstack([pose[:3], [[0, 0, 0, 1]]])


def _intrinsics(root: Path, mode: str, n: int) -> tuple[np.ndarray, list[Path]]:
    folder = root / "intrinsics"
    paths = [folder / "intrinsic.npy"]
    if mode != "shared":
        paths = [path for path in _files(folder, (".npy",)) if path.name not in NOT_FRAMES]
        if len(paths) != n:
            raise UserError(f"{folder} has {len(paths)} intrinsics for {n} photos.")
    Ks = [_array(path) for path in paths]
    if any(K.shape != (3, 3) for K in Ks):
        raise UserError(f"{folder} holds something else than 3x3 intrinsics.")
    return np.stack(Ks * n if mode == "shared" else Ks), paths


def _depths(root: Path, meta: dict[str, Any], n: int) -> tuple[list[DepthFile] | None, tuple[str, ...]]:
    kind, paths = str(meta.get("depth_format", "none")), _files(root / "depths", DEPTHS)
    if kind == "none" or not paths:
        return None, ()
    if len(paths) != n:
        raise UserError(f"{root} has {len(paths)} depth maps for {n} photos.")
    if kind in SCALES:
        per_metre, invalid = SCALES[kind]
        return [DepthFile(path, 1 / per_metre, invalid=invalid) for path in paths], ()
    if kind == "npy_float32_meters":
        return [DepthFile(path, 1.0, ARRAY) for path in paths], ()
    shape = re.fullmatch(r"float32_binary_(\d+)x(\d+).*", kind)
    if shape:
        size = (int(shape[2]), int(shape[1]))
        return [DepthFile(path, 1.0, RAW, size=size) for path in paths], ()
    return None, (f"depth maps are not read: their format is {kind}",)
