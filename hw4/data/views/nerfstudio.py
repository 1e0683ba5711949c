"""``transforms.json`` (`data=nerfstudio`): nerfstudio, instant-ngp, and Blender's synthetic scenes.

``transform_matrix`` is camera-to-world with OpenGL axes (x right, y up, z back); intrinsics are in pixels
with the corner of the image at (0, 0). Source: docs.nerf.studio, "Data conventions".
"""

import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hw4.config import NerfstudioConfig
from hw4.core.durable import parse_json
from hw4.core.errors import UserError, brief
from hw4.core.regular import regular
from hw4.data.photos import refuse_outside
from hw4.data.scenes.files import image_path
from hw4.data.views.depth import DepthFile
from hw4.data.views.folders import scene_folders
from hw4.data.views.poses import OPENCV_FROM_OPENGL, cam_from_world_of, dropped, known_poses
from hw4.data.views.scene import SceneViews

WHOLE = "transforms.json"
SPLITS = ("train", "val", "test")
DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


def split_files(root: Path) -> dict[str, Path]:
    """Blender's files of a folder, by split."""
    named = {split: root / f"transforms_{split}.json" for split in SPLITS}
    return {split: path for split, path in named.items() if path.is_file()}


def is_scene(root: Path) -> bool:
    """Whether a folder has such a file."""
    return (root / WHOLE).is_file() or bool(split_files(root))


def scenes(config: NerfstudioConfig) -> list[SceneViews]:
    """Every scene; views in the order of the file.

    Raises:
        UserError: there is none, or a file cannot be used.
    """
    found = scene_folders(config, is_scene, f"a {WHOLE} or transforms_train.json")
    return [read_scene(name, path, config.split) for name, path in found.items()]


def read_scene(name: str, root: Path, split: str | None = None) -> SceneViews:
    """The scene of a folder.

    Raises:
        UserError: its files cannot be used, or have no view of the split.
    """
    if (root / WHOLE).is_file():
        files, whole = [root / WHOLE], _read(root / WHOLE)
        frames = [(whole, frame) for frame in whole["frames"]]
        if split is not None:
            listed = filenames(whole, split)
            if listed is None:
                raise UserError(f"{root / WHOLE} has no {split}_filenames: leave out data.split={split}.")
            frames = [(whole, frame) for _, frame in frames if str(frame.get("file_path")) in listed]
    else:
        by_split = split_files(root)
        if split is not None and split not in by_split:
            raise UserError(f"{root} has no transforms_{split}.json: it has {', '.join(by_split)}.")
        chosen = [one for one in by_split if split in (None, one)]
        files = [by_split[one] for one in chosen]
        contents = [_read(path) for path in files]
        frames = [(content, frame) for content in contents for frame in content["frames"]]
        splits = [one for one, content in zip(chosen, contents, strict=True) for _ in content["frames"]]
        return _scene(name, root, files, frames, splits)
    held_out = {one: filenames(whole, one) or set() for one in ("test", "val")}
    splits = [
        next((one for one, names in held_out.items() if str(frame.get("file_path")) in names), "train")
        for _, frame in frames
    ]
    return _scene(name, root, files, frames, splits)


def filenames(content: dict[str, Any], split: str) -> set[str] | None:
    """The ``file_path`` of a split that a ``transforms.json`` lists; None where it does not say."""
    found = content.get(f"{split}_filenames")
    return None if not isinstance(found, list) else {str(name) for name in found}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(regular(path).read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} ({error}).") from error
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise UserError(f"{path} has no list of frames.")
    assert isinstance(content, dict)
    return content


def _scene(
    name: str,
    root: Path,
    files: list[Path],
    frames: list[tuple[dict[str, Any], dict[str, Any]]],
    splits: list[str],
) -> SceneViews:
    where = files[0]
    try:
        names = [PurePosixPath(str(frame["file_path"])).as_posix() for _, frame in frames]
        written = np.array([frame["transform_matrix"] for _, frame in frames], float).reshape(-1, 4, 4)
        sizes = np.array([_size(*pair) for pair in frames]).reshape(-1, 2)
        Ks = np.stack([_K(*pair, size) for pair, size in zip(frames, sizes, strict=True)])
        depths = [_depth(root, *pair) for pair in frames]
        has_distortion = any(_value(*pair, key) for pair in frames for key in DISTORTION)
    except KeyError as error:
        raise UserError(f"{where}: a frame has no {error.args[0]}.") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: a frame cannot be used ({brief(error)}).") from error
    refuse_outside([*names, *(str(frame.get("depth_file_path", "")) for _, frame in frames)], where)
    if len(set(names)) < len(names):
        raise UserError(f"{where} names a photo twice: take one of the frames out.")
    known = known_poses(written)
    kept = np.flatnonzero(known)
    world_from_cam = written[kept] @ OPENCV_FROM_OPENGL
    named = tuple(names[i] for i in kept)
    notes = dropped(known, names)
    if has_distortion:
        notes += ("photos have lens distortion: models see them as they are, and K is the pinhole part",)
    return SceneViews(
        name,
        named,
        tuple(image_path(root, view) for view in named),
        cam_from_world_of(world_from_cam, named, where),
        Ks[kept],
        sizes[kept],
        tuple(depths[i] for i in kept) if any(depths) else None,
        tuple(files),
        notes,
        tuple(splits[i] for i in kept) if "test" in splits else None,
        has_distortion,
    )


def _value(content: dict[str, Any], frame: dict[str, Any], key: str) -> float | None:
    """A number of a frame, or else of the whole file."""
    value = frame.get(key, content.get(key))
    return None if value is None else float(value)


def _size(content: dict[str, Any], frame: dict[str, Any]) -> tuple[float, float]:
    width, height = _value(content, frame, "w"), _value(content, frame, "h")
    if width is None or height is None:
        return math.nan, math.nan
    if not (width > 0 and height > 0):
        raise ValueError(f"its photo has {width:g}x{height:g} pixels")
    return width, height


def _K(content: dict[str, Any], frame: dict[str, Any], size: np.ndarray) -> np.ndarray:
    """(3, 3); NaN where the file does not say enough."""
    width, height = size
    fx, fy = _value(content, frame, "fl_x"), _value(content, frame, "fl_y")
    angle = _value(content, frame, "camera_angle_x")
    if fx is None and angle is not None:
        fx = 0.5 * width / math.tan(angle / 2)
    fy = fx if fy is None else fy
    cx, cy = _value(content, frame, "cx"), _value(content, frame, "cy")
    cx, cy = width / 2 if cx is None else cx, height / 2 if cy is None else cy
    if fx is None or fy is None or not np.isfinite([fx, fy, cx, cy]).all():
        return np.full((3, 3), np.nan)
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _depth(root: Path, content: dict[str, Any], frame: dict[str, Any]) -> DepthFile | None:
    path = frame.get("depth_file_path")
    return (
        None
        if path is None
        else DepthFile(root / str(path), float(content.get("depth_unit_scale_factor", 1e-3)))
    )
