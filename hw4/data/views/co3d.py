"""CO3D v2 (`data=co3d`).

``frame_annotations.jgz`` is a gzipped JSON list; its viewpoints are PyTorch3D's: a point is ``x R + T`` in
a camera whose x points left, y up and z forward; focal length and principal point are in NDC, whose unit is
half the shorter edge (``ndc_isotropic``) or half of each edge (``ndc_norm_image_bounds``), with x and y
pointing left and up from the middle of the image. Depth maps are half-precision floats in the bits of a
16-bit picture, times ``scale_adjustment``. Source: the data set's ``dataset/data_types.py`` and PyTorch3D's
notes on cameras.
"""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import Co3dConfig
from hw4.core.durable import parse_json
from hw4.core.errors import UserError
from hw4.core.regular import regular
from hw4.data.photos import refuse_outside
from hw4.data.views.depth import HALVES, DepthFile
from hw4.data.views.folders import chosen_scenes, root_of
from hw4.data.views.poses import dropped, known_poses, rigid
from hw4.data.views.scene import SceneViews

FRAMES, SEQUENCES = "frame_annotations.jgz", "sequence_annotations.jgz"
ISOTROPIC, BOUNDS = "ndc_isotropic", "ndc_norm_image_bounds"
OPENCV_FROM_PYTORCH3D = np.diag([-1.0, -1, 1])


def scenes(config: Co3dConfig) -> list[SceneViews]:
    """Every sequence, by category and name; views in the order of their numbers.

    Raises:
        UserError: there is none, or annotations cannot be read.
    """
    root = root_of(config)
    if (root / FRAMES).is_file():
        # One category was given; its photos' paths begin with its name.
        base, categories = root.resolve().parent, [root.resolve().name]
    else:
        base = root
        categories = sorted(path.parent.name for path in root.glob(f"*/{FRAMES}"))
    if config.categories is not None:
        if missing := [name for name in config.categories if name not in categories]:
            raise UserError(f"{root} has no category {missing[0]!r} with {FRAMES}; set data.categories.")
        categories = list(config.categories)
    if not categories:
        raise UserError(f"{root} holds no scene of data=co3d: no folder in it has {FRAMES}.")
    found: dict[str, SceneViews] = {}
    for category in categories:
        found |= {scene.scene: scene for scene in _category(base, category, config.min_quality)}
    return [found[name] for name in chosen_scenes(config, list(found))]


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        content = parse_json(gzip.decompress(regular(path).read_bytes()))
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read {path} ({error}).") from error
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise UserError(f"{path} is no list of annotations.")
    return content


def _category(base: Path, category: str, min_quality: float | None) -> list[SceneViews]:
    path = base / category / FRAMES
    by_sequence: dict[str, list[dict[str, Any]]] = {}
    listing = [path]
    try:
        for frame in _read(path):
            by_sequence.setdefault(str(frame["sequence_name"]), []).append(frame)
        if min_quality is not None:
            listing.append(base / category / SEQUENCES)
            scores = {str(s["sequence_name"]): s.get("viewpoint_quality_score") for s in _read(listing[1])}
            good = {name for name, score in scores.items() if score is not None and score >= min_quality}
            by_sequence = {name: frames for name, frames in by_sequence.items() if name in good}
        return [
            _sequence(base, f"{category}/{name}", by_sequence[name], tuple(listing))
            for name in sorted(by_sequence)
        ]
    except KeyError as error:
        raise UserError(f"{path}: an annotation has no {error.args[0]}.") from error
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{path}: an annotation cannot be used ({error}).") from error


def _sequence(base: Path, name: str, frames: list[dict[str, Any]], listing: tuple[Path, ...]) -> SceneViews:
    frames = sorted(frames, key=lambda frame: int(frame["frame_number"]))
    paths = [str(frame["image"]["path"]) for frame in frames]
    refuse_outside(paths, listing[0])
    sizes = np.array([frame["image"]["size"][::-1] for frame in frames], float)
    views = [frame["viewpoint"] for frame in frames]
    written = np.full((len(frames), 3, 4), np.nan)
    Ks = np.full((len(frames), 3, 3), np.nan)
    for i, view in enumerate(views):
        if view is not None:
            written[i, :, :3] = OPENCV_FROM_PYTORCH3D @ np.array(view["R"], float).T
            written[i, :, 3] = OPENCV_FROM_PYTORCH3D @ np.array(view["T"], float)
            Ks[i] = _K(view, sizes[i])
    known = known_poses(written)
    kept = np.flatnonzero(known)
    numbers = [Path(path).stem for path in paths]
    named = tuple(numbers[i] for i in kept)
    depths = [_depth(base, frames[i]) for i in kept]
    return SceneViews(
        name,
        named,
        tuple(base / paths[i] for i in kept),
        rigid(written[kept], named, listing[0]),
        Ks[kept],
        sizes[kept],
        tuple(depths) if any(depths) else None,
        listing,
        dropped(known, numbers),
    )


def _K(view: dict[str, Any], size: np.ndarray) -> np.ndarray:
    kind = view.get("intrinsics_format", BOUNDS)
    if kind not in (ISOTROPIC, BOUNDS):
        raise ValueError(f"intrinsics_format is {kind!r}, neither {ISOTROPIC} nor {BOUNDS}")
    half = np.full(2, size.min() / 2) if kind == ISOTROPIC else size / 2
    focal = np.array(view["focal_length"], float) * half
    center = size / 2 - np.array(view["principal_point"], float) * half
    return np.array([[focal[0], 0, center[0]], [0, focal[1], center[1]], [0, 0, 1]])


def _depth(base: Path, frame: dict[str, Any]) -> DepthFile | None:
    depth = frame.get("depth")
    if not isinstance(depth, dict) or depth.get("path") is None:
        return None
    refuse_outside([str(depth["path"])], FRAMES)
    return DepthFile(base / str(depth["path"]), float(depth.get("scale_adjustment", 1.0)), HALVES)
