"""What is exported: placed photos with their cameras, points, Gaussians; all in one world frame."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.errors import UserError
from hw4.data.orientation import read_size
from hw4.data.photos import AsStored
from hw4.data.scenes.ply import ply_offset, read_vertices
from hw4.geometry.cameras import scaled_K
from hw4.models.clouds import Cloud
from hw4.show.demo.files3d import read_points_ply
from hw4.show.viewer.subject import ShownCamera, View3D

# A photo is that of a camera of another size where the sides differ in ratio by less: rounding of a resize.
SAME_RATIO = 0.02


@dataclass(frozen=True)
class ExportView:
    """A placed photo.

    Attributes:
        name: file name, which no other view has.
        cam_from_world: (3, 4) float64, OpenCV axes.
        K: (3, 3) in pixels of an image of `size` (width, height), (0, 0) its top-left corner; None: unknown.
        photo: the file that shows exactly this image, upright as it is read, or None.
    """

    name: str
    cam_from_world: np.ndarray
    K: np.ndarray | None
    size: tuple[int, int]
    photo: Path | None


@dataclass(frozen=True)
class ExportScene:
    """Everything that can be exported.

    Attributes:
        views: in order.
        points: with colours; of Gaussians, their means.
        gaussians: 3DGS ``.ply``, or None.
        offset: (3,) what the world adds to the places in `gaussians`, whose 32 bits cannot hold the sum.
    """

    views: tuple[ExportView, ...]
    points: Cloud
    gaussians: Path | None = None
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @cached_property
    def calibrated(self) -> tuple[ExportView, ...]:
        """The views whose intrinsics are known."""
        return tuple(view for view in self.views if view.K is not None)

    @cached_property
    def cam_from_world(self) -> np.ndarray:
        """(N, 3, 4)."""
        return np.stack([view.cam_from_world for view in self.views])


def cloud_in(ply: Path | None) -> Cloud:
    """The points of a file of `write_points_ply`; none without a file."""
    if ply is None:
        return Cloud(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), None, 0)
    return read_points_ply(ply)


def _size(photo: Path) -> tuple[int, int] | None:
    """Width and height of an upright photo, None where it cannot be read."""
    size = read_size(photo) if photo.is_file() else None
    return None if size is None else (int(size[0]), int(size[1]))


def scene_of_view(view: View3D) -> ExportScene:
    """What the viewer shows of a run, without the truth and without the points of the splats' own scene."""
    cameras = [_export_view(camera) for camera in view.cameras]
    points = Cloud(view.points, view.colors, view.conf, len(view.points))
    if view.splats is None:
        return ExportScene(_with_names(cameras), points)
    points, offset = means_of(view.splats), ply_offset(view.splats)
    return ExportScene(_with_names(cameras), points, view.splats, offset)


def scene_of_demo(demo: dict[str, Any], points: Cloud) -> ExportScene:
    """What `task=demo` left: `demo` as it stands in ``results.json``; intrinsics are those of the photos."""
    views = []
    for one in demo["views"]:
        if one["cam_from_world"] is None:
            continue
        photo = Path(one["photo"])
        size = _size(photo)
        K, known = one["K_original"], size is not None
        if not known:
            K, size = one["K"], tuple(one["size"])
        assert size is not None
        camera = np.array(one["cam_from_world"], float)
        intrinsics = None if K is None else np.array(K, float)
        views.append(ExportView(one["name"], camera, intrinsics, size, photo if known else None))
    return ExportScene(_with_names(views), points)


def means_of(gaussians: Path) -> Cloud:
    """The middles of Gaussians in a 3DGS ``.ply``, with its offset, in the colour of their constant part.

    Raises:
        UserError: it is no such file.
    """
    try:
        vertex = read_vertices(gaussians)
        points = np.stack([np.asarray(vertex[name], np.float64) for name in "xyz"], axis=1)
        constant = np.stack([np.asarray(vertex[f"f_dc_{i}"], np.float64) for i in range(3)], axis=1)
    except ValueError as error:
        raise UserError(f"cannot read the Gaussians in {gaussians} ({error}).") from error
    return Cloud(points + ply_offset(gaussians), rgb_of(constant), None, len(points))


def rgb_of(constant: np.ndarray) -> np.ndarray:
    """(P, 3) uint8 colours of (P, 3) coefficients of the constant spherical harmonic, 1 / (2 sqrt(pi))."""
    return np.clip(np.rint(255 * (0.5 + constant / (2 * np.sqrt(np.pi)))), 0, 255).astype(np.uint8)


def _export_view(camera: ShownCamera) -> ExportView:
    """With the whole photo and its own pixels, where the camera's image is nothing else."""
    name = camera.photo.name if camera.photo is not None else camera.name.split()[-1]
    plain = ExportView(name, camera.cam_from_world[:3], camera.K, camera.size, None)
    if camera.photo is None or camera.K is None:
        return plain
    for photo in (camera.photo, AsStored(camera.photo)):
        size = _size(photo)
        if size is None or abs(size[0] * camera.size[1] / (size[1] * camera.size[0]) - 1) > SAME_RATIO:
            continue
        return ExportView(name, plain.cam_from_world, scaled_K(camera.K, camera.size, size), size, photo)
    return plain


def _with_names(views: list[ExportView]) -> tuple[ExportView, ...]:
    """The views under names that no two share, whatever the file system thinks of capitals."""
    names = [view.name.lower() for view in views]
    return tuple(
        view
        if names.count(view.name.lower()) == 1
        else ExportView(f"{number:04d}_{view.name}", view.cam_from_world, view.K, view.size, view.photo)
        for number, view in enumerate(views)
    )
