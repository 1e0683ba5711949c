"""Reading COLMAP models (text or binary) through pycolmap."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pycolmap
from plyfile import PlyData, PlyParseError

from hw4.core.errors import UserError
from hw4.data.image_names import refuse_outside

CAMERA_FILES = ("cameras.txt", "cameras.bin")
# All that a model may consist of; the PLY is InstantSplat's.
PARTS = ("cameras", "images", "points3D", "rigs", "frames")
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
class ColmapModel:
    """Cameras and points of one COLMAP folder, images in order of their names.

    Attributes:
        names: N image names as in the model.
        cam_from_world: (N, 4, 4) float64 world-to-camera, OpenCV axes.
        Ks: (N, 3, 3) float64 in pixels of the model's own image sizes.
        sizes: (N, 2) int width and height that `Ks` refer to.
        points: (P, 3) float64 world points, or None.
        colors: (P, 3) uint8, or None.
        observed_points: (O,) int, the point of each observation; empty where the model does not say.
        observed_by: (O,) int, the image (place in `names`) of each observation.
        observed_xy: (O, 2) float64, where it is seen, in pixels of `sizes`.
    """

    names: list[str]
    cam_from_world: np.ndarray
    Ks: np.ndarray
    sizes: np.ndarray
    points: np.ndarray | None
    colors: np.ndarray | None
    observed_points: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    observed_by: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    observed_xy: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))


def has_colmap(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model."""
    return any((folder / name).is_file() for name in CAMERA_FILES)


def model_files(folder: Path) -> list[Path]:
    """The files of the COLMAP model in a folder that `read_colmap` reads."""
    suffix = _suffix(folder)
    paths = [folder / f"{part}{suffix}" for part in PARTS] + [folder / "points3D.ply"]
    return [path for path in paths if path.is_file()]


def _suffix(folder: Path) -> str:
    return ".bin" if (folder / "cameras.bin").is_file() else ".txt"


def read_ply_points(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(P, 3) float64 points and (P, 3) uint8 colours of a point cloud.

    Raises:
        UserError: the file is no PLY with x, y, z.
    """
    try:
        vertex = PlyData.read(str(path))["vertex"]
        points = np.stack([np.asarray(vertex[axis], dtype=np.float64) for axis in "xyz"], axis=1)
    except (OSError, PlyParseError, KeyError, ValueError) as error:
        raise UserError(
            f"cannot read the point cloud {path} ({error}); it needs vertices x, y, z."
        ) from error
    names = vertex.data.dtype.names
    if not all(channel in names for channel in ("red", "green", "blue")):
        return points, None
    colors = np.stack([np.asarray(vertex[channel]) for channel in ("red", "green", "blue")], axis=1)
    if colors.dtype.kind == "f":
        colors = np.clip(colors * 255, 0, 255).round()
    return points, colors.astype(np.uint8)


def _read(folder: Path) -> pycolmap.Reconstruction:
    suffix = _suffix(folder)
    if not (folder / f"images{suffix}").is_file():
        raise UserError(f"the COLMAP model in {folder} has no images{suffix}.")
    try:
        if (folder / f"points3D{suffix}").is_file():
            return pycolmap.Reconstruction(str(folder))
        # pycolmap insists on a points file; InstantSplat's layout keeps the points in a PLY.
        with tempfile.TemporaryDirectory() as name:
            for file in folder.iterdir():
                if file.suffix == suffix:
                    (Path(name) / file.name).symlink_to(file.resolve())
            (Path(name) / f"points3D{suffix}").write_bytes(b"\0" * 8 if suffix == ".bin" else b"")
            return pycolmap.Reconstruction(name)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"cannot read the COLMAP model in {folder} ({reason}).") from error


def read_colmap(folder: Path) -> ColmapModel:
    """Read a folder with ``cameras``, ``images`` and, optionally, ``points3D`` (txt, bin or ply).

    Raises:
        UserError: no or a broken model, no images in it, or cameras that are impossible or have lens
            distortion.
    """
    if not has_colmap(folder):
        raise UserError(f"{folder} holds no COLMAP model (cameras.txt or cameras.bin).")
    model = _read(folder)
    images = sorted(
        (image for image in model.images.values() if image.has_pose), key=lambda image: image.name
    )
    if not images:
        raise UserError(f"the COLMAP model in {folder} has no image with a camera.")
    cam_from_world = np.tile(np.eye(4), (len(images), 1, 1))
    Ks, sizes = [], []
    for i, image in enumerate(images):
        cam_from_world[i, :3] = image.cam_from_world().matrix()
        camera = model.cameras[image.camera_id]
        n_plain = PINHOLE_PARAMETERS.get(camera.model.name)
        if n_plain is None or np.abs(camera.params[n_plain:]).max(initial=0) > 1e-9:
            raise UserError(
                f"camera {camera.camera_id} in {folder} has lens distortion ({camera.model.name}): run "
                "'colmap image_undistorter' first."
            )
        K = camera.calibration_matrix()
        if camera.width < 1 or camera.height < 1 or not (np.isfinite(K).all() and min(K[0, 0], K[1, 1]) > 0):
            raise UserError(
                f"camera {camera.camera_id} in {folder} is impossible: "
                f"{camera.width}x{camera.height} pixels, focal lengths {K[0, 0]:g} and {K[1, 1]:g}."
            )
        Ks.append(K)
        sizes.append((camera.width, camera.height))
    names = [image.name for image in images]
    refuse_outside(names, folder)
    points = colors = None
    observed: tuple[np.ndarray, ...] = ()
    ply = folder / "points3D.ply"
    if model.points3D:
        # pycolmap keeps them in no order.
        numbers = sorted(model.points3D)
        points = np.stack([model.points3D[number].xyz for number in numbers])
        colors = np.stack([model.points3D[number].color for number in numbers]).astype(np.uint8)
        observed = _observations(images, {number: place for place, number in enumerate(numbers)})
    elif ply.is_file():
        points, colors = read_ply_points(ply)
    return ColmapModel(names, cam_from_world, np.stack(Ks), np.array(sizes), points, colors, *observed)


def _observations(
    images: list[pycolmap.Image], places: dict[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Point, image and pixel of each observation; `places` are those of the points by their COLMAP ids."""
    rows = [
        (places[seen.point3D_id], view, *seen.xy)
        for view, image in enumerate(images)
        for seen in image.points2D
        if seen.has_point3D()
    ]
    table = np.array(rows, np.float64).reshape(-1, 4)
    return table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:]
