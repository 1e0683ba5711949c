"""Reading COLMAP models (text or binary) through pycolmap."""

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.core.colmap import pycolmap
from hw4.core.errors import UserError, brief
from hw4.data.photos import refuse_outside
from hw4.data.scenes.colmap_binary import check_binary
from hw4.data.scenes.colmap_files import CAMERA_FILES, PARTS, has_colmap, model_suffix
from hw4.data.scenes.colmap_text import has_mark, plain_images, plain_points, read_image_rows, read_text
from hw4.data.scenes.files import PosedViews
from hw4.data.scenes.ply import read_ply_points

# A photo of more pixels is a damaged number.
MAX_PIXELS = 10**9
# Focal lengths between a fisheye's and a telescope's, in units of the longer edge.
FOCAL_RANGE = (0.05, 1000.0)
# A quaternion that is shorter says nothing.
SHORTEST = 1e-6
# Models that are a pinhole when the parameters after the first few are zero, and how many those few are.
PINHOLE_PARAMETERS = {
    "SIMPLE_PINHOLE": 3,
    "PINHOLE": 4,
    "SIMPLE_RADIAL": 3,
    "RADIAL": 3,
    "OPENCV": 4,
    "FULL_OPENCV": 4,
}


@dataclass(frozen=True)
class _Files:
    """A model as pycolmap read it, the images' own names by number where it was given others, and remarks."""

    model: pycolmap.Reconstruction
    names: dict[int, str]
    notes: list[str]


def _read(folder: Path) -> _Files:
    suffix = model_suffix(folder)
    if not (folder / f"images{suffix}").is_file():
        raise UserError(f"the COLMAP model in {folder} has no images{suffix}.")
    notes = []
    if all((folder / name).is_file() for name in CAMERA_FILES):
        notes.append(f"{folder} holds a text and a binary model: the {suffix} one is newer and is used")
    paths = [folder / f"{part}{suffix}" for part in PARTS if (folder / f"{part}{suffix}").is_file()]
    # pycolmap insists on a points file; InstantSplat's layout keeps the points in a PLY.
    replaced = {f"points3D{suffix}": b"\0" * 8 if suffix == ".bin" else b""}
    replaced = {} if (folder / f"points3D{suffix}").is_file() else replaced
    names: dict[int, str] = {}
    if suffix == ".bin":
        for path in paths:
            check_binary(path)
    else:
        rows, note = read_image_rows(folder / "images.txt")
        notes += [note] if note else []
        if note or any(re.search(r"\s|[^ -~]", row.name) for row in rows):
            replaced["images.txt"], names = plain_images(rows)
        if note and folder / "points3D.txt" in paths:
            replaced["points3D.txt"] = plain_points(folder / "points3D.txt")
        for path in paths:
            if path.name not in replaced and has_mark(path):
                replaced[path.name] = read_text(path).encode("utf-8", "surrogateescape")
    return _Files(_parsed(folder, paths, replaced), names, notes)


def _parsed(folder: Path, paths: list[Path], replaced: dict[str, bytes]) -> pycolmap.Reconstruction:
    """pycolmap's reading of these files, some of them replaced by others of this content."""
    try:
        # Where it finds both kinds of files it takes the binary ones.
        if not replaced and not all((folder / name).is_file() for name in CAMERA_FILES):
            return pycolmap.Reconstruction(str(folder))
        with tempfile.TemporaryDirectory() as name:
            for path in paths:
                if path.name not in replaced:
                    (Path(name) / path.name).symlink_to(path.resolve())
            for file, content in replaced.items():
                (Path(name) / file).write_bytes(content)
            return pycolmap.Reconstruction(name)
    except Exception as error:
        raise UserError(f"cannot read the COLMAP model in {folder} ({brief(error)}).") from error


def _name(image: pycolmap.Image, folder: Path) -> str:
    try:
        return str(image.name)
    except UnicodeDecodeError as error:
        raise UserError(
            f"image {image.image_id} in {folder} has a name that is no UTF-8 ({error.object!a}): rename "
            "the photo and export the model again, or export it as text."
        ) from error


def _cam_from_world(image: pycolmap.Image, name: str, folder: Path) -> np.ndarray:
    """(3, 4) world-to-camera of an image, its quaternion brought to unit length."""
    found = image.cam_from_world()
    quat_xyzw, translation = np.array(found.rotation.quat), np.array(found.translation)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = np.linalg.norm(quat_xyzw)
    if not np.isfinite([*quat_xyzw, *translation, norm]).all() or norm < SHORTEST:
        raise UserError(
            f"image {name} in {folder} has no camera: its quaternion is {quat_xyzw.tolist()} (x, y, z, w), "
            f"its translation {translation.tolist()}; export the model again, or take the image out."
        )
    # Also where the quaternion is rounded: far from the origin, its last digits move the camera.
    rotation = Rotation.from_quat(quat_xyzw).as_matrix()
    return np.concatenate([rotation, translation[:, None]], axis=1)


def _is_distorted(camera: pycolmap.Camera) -> bool:
    n_plain = PINHOLE_PARAMETERS.get(camera.model.name)
    return n_plain is None or bool(np.abs(camera.params[n_plain:]).max(initial=0) > 1e-9)


def _intrinsics(camera: pycolmap.Camera, folder: Path, distorted: bool) -> np.ndarray:
    """(3, 3) K of a camera, in pixels of its own image size; without distortion, unless that is allowed."""
    if not distorted and _is_distorted(camera):
        raise UserError(
            f"camera {camera.camera_id} in {folder} has lens distortion ({camera.model.name}): run "
            "'colmap image_undistorter' first."
        )
    K = camera.calibration_matrix()
    width, height = camera.width, camera.height
    longest = max(width, height)
    low, high = (limit * longest for limit in FOCAL_RANGE)
    good = 0 < width * height <= MAX_PIXELS and np.isfinite(K).all()
    if not good or not all(low <= focal <= high for focal in (K[0, 0], K[1, 1])):
        raise UserError(
            f"camera {camera.camera_id} in {folder} is impossible: "
            f"{width}x{height} pixels, focal lengths {K[0, 0]:g} and {K[1, 1]:g}."
        )
    if not (0 < K[0, 2] < width and 0 < K[1, 2] < height):
        raise UserError(
            f"camera {camera.camera_id} in {folder} has its principal point at ({K[0, 2]:g}, {K[1, 2]:g}), "
            f"outside its {width}x{height} pixels: the intrinsics are of another image size."
        )
    return K


def read_colmap(folder: Path, distorted: bool = False) -> PosedViews:
    """Read a folder with ``cameras``, ``images`` and, optionally, ``points3D`` (txt, bin or ply).

    Images come in the order of their names. With `distorted`, cameras with lens distortion are read as well
    and said in `notes`; their K is the pinhole part.

    Raises:
        UserError: no or a broken model, no images in it, or cameras that are impossible or have lens
            distortion.
    """
    if not has_colmap(folder):
        raise UserError(f"{folder} holds no COLMAP model (cameras.txt or cameras.bin).")
    files = _read(folder)
    model = files.model
    named = {
        number: files.names.get(number) or _name(image, folder) for number, image in model.images.items()
    }
    images = sorted(
        (image for image in model.images.values() if image.has_pose), key=lambda image: named[image.image_id]
    )
    if not images:
        raise UserError(f"the COLMAP model in {folder} has no image with a camera.")
    names = [named[image.image_id] for image in images]
    refuse_outside(names, folder)
    cam_from_world = np.tile(np.eye(4), (len(images), 1, 1))
    cam_from_world[:, :3] = [_cam_from_world(*pair, folder) for pair in zip(images, names, strict=True)]
    cameras = [model.cameras[image.camera_id] for image in images]
    # Most models have one camera for all images.
    Ks_by_id = {camera.camera_id: _intrinsics(camera, folder, distorted) for camera in cameras}
    files.notes.extend(_distortion([camera for camera in cameras if _is_distorted(camera)]))
    Ks = np.stack([Ks_by_id[camera.camera_id] for camera in cameras])
    sizes = np.array([(camera.width, camera.height) for camera in cameras])
    found = PosedViews(names, cam_from_world, Ks, sizes, notes=files.notes)
    ply = folder / "points3D.ply"
    if model.points3D:
        # pycolmap keeps them in no order.
        numbers = sorted(model.points3D)
        places = {number: place for place, number in enumerate(numbers)}
        observed_points, observed_by, observed_xy, n_lost = _observations(images, places)
        if n_lost:
            found.notes.append(
                f"{n_lost} observations in {folder} are of points that its points3D does not have: left out"
            )
        return replace(
            found,
            points=np.stack([model.points3D[number].xyz for number in numbers]),
            colors=np.stack([model.points3D[number].color for number in numbers]).astype(np.uint8),
            observed_points=observed_points,
            observed_by=observed_by,
            observed_xy=observed_xy,
        )
    if ply.is_file():
        points, colors = read_ply_points(ply)
        return replace(found, points=points, colors=colors)
    return found


def _distortion(cameras: list[pycolmap.Camera]) -> list[str]:
    if not cameras:
        return []
    names = ", ".join(sorted({camera.model.name for camera in cameras}))
    return [
        f"{len(cameras)} photos have lens distortion ({names}): models see them as they are, and K is the "
        "pinhole part"
    ]


def _observations(
    images: list[pycolmap.Image], places: dict[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Point, image and pixel of each observation, and how many are of points that are not there.

    `places` are those of the points by their COLMAP ids.
    """
    all_rows = [
        (places.get(seen.point3D_id), view, *seen.xy)
        for view, image in enumerate(images)
        for seen in image.points2D
        if seen.has_point3D()
    ]
    rows = [row for row in all_rows if row[0] is not None]
    table = np.array(rows, np.float64).reshape(-1, 4)
    n_lost = len(all_rows) - len(rows)
    return table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:], n_lost
