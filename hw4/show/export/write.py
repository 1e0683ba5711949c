"""Every format that a scene is asked for in, each written or refused with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.photos import load_image
from hw4.geometry.cameras import scaled_K
from hw4.models.base import Reconstruction
from hw4.show.demo.files3d import TEXTURE_EDGE, scene_of_reconstruction, write_glb, write_points_ply
from hw4.show.export.colmap import write_colmap
from hw4.show.export.plain_files import write_nerfstudio, write_tum
from hw4.show.export.rerun_file import write_rerun
from hw4.show.export.scene import ExportScene, ExportView

GRAY = np.full((3, 4, 3), 128, np.uint8)


@dataclass
class Exported:
    """Format -> what was written (a file or a folder); ``missing``: format -> why it was not; ``notes``."""

    files: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def export_scene(scene: ExportScene, formats: Sequence[str], folder: Path) -> Exported:
    """Write a scene into a folder, in formats of `hw4.config.export.FORMATS`.

    Raises:
        UserError: a file cannot be written, or a photo cannot be read.
    """
    done = Exported()
    for name in formats:
        needs, write = WRITERS[name]
        lacking = next((why for has, why in (NEEDS[need] for need in needs) if not has(scene)), None)
        if lacking is None:
            try:
                done.files[name] = str(write(scene, folder))
            except _Refused as error:
                lacking = str(error)
        if lacking is not None:
            done.missing[name] = lacking
    if scene.offset.any() and (moved := [name for name in MOVED if name in done.files]):
        said = ", ".join(f"{value:.12g}" for value in scene.offset)
        done.notes.append(
            f"{', '.join(moved)}: add ({said}) to x, y and z for the run's own world, which 32-bit numbers "
            "do not hold"
        )
    return done


class _Refused(Exception):
    """A format cannot hold this scene."""


def _splat(scene: ExportScene, folder: Path) -> Path:
    from hw4.show.export.splat_files import write_splat

    assert scene.gaussians is not None
    return write_splat(scene.gaussians, folder / "gaussians.splat")


def _spz(scene: ExportScene, folder: Path) -> Path:
    # gsply and torch take seconds to import.
    from hw4.show.export.splat_files import write_spz

    assert scene.gaussians is not None
    try:
        return write_spz(scene.gaussians, folder / "gaussians.spz")
    except UserError as error:
        raise _Refused(str(error)) from error


def _rerun(scene: ExportScene, folder: Path) -> Path:
    try:
        return write_rerun(scene, folder / "scene.rrd")
    except UserError as error:
        raise _Refused(str(error)) from error


def _ply(scene: ExportScene, folder: Path) -> Path:
    """The points; of Gaussians, these themselves."""
    if scene.gaussians is None:
        return write_points_ply(scene.points, folder / "points.ply")
    write_bytes(folder / "gaussians.ply", scene.gaussians.read_bytes())
    return folder / "gaussians.ply"


def _glb(scene: ExportScene, folder: Path) -> Path:
    """In the first camera's frame, y up, as glTF has it."""
    shown = [_textured(view) for view in scene.views]
    n = len(shown)
    unknown = np.full((3, 3), np.nan)
    reconstruction = Reconstruction(
        scene.cam_from_world,
        np.stack([unknown if K is None else K for _, K in shown]),
        np.array([view.size for view in scene.views]),
        np.tile(np.eye(3), (n, 1, 1)),
        [image for image, _ in shown],
    )
    names = [view.name for view in scene.views]
    return write_glb(scene_of_reconstruction(reconstruction, scene.points, names), folder / "scene.glb")


def _textured(view: ExportView) -> tuple[np.ndarray, np.ndarray | None]:
    """A small image of a view and its intrinsics; gray without a photo."""
    image = GRAY if view.photo is None else load_image(view.photo, TEXTURE_EDGE)
    return image, None if view.K is None else scaled_K(view.K, view.size, image.shape[1::-1])


# The formats that are less `ExportScene.offset`.
MOVED = ("ply", "splat", "spz", "rerun")
VIEWS, CALIBRATED, POINTS, DRAWN, GAUSSIANS = "views", "calibrated", "points", "drawn", "gaussians"
NEEDS: dict[str, tuple[Callable[[ExportScene], object], str]] = {
    VIEWS: (lambda scene: scene.views, "no photo has a camera"),
    CALIBRATED: (lambda scene: scene.calibrated, "no camera has intrinsics"),
    POINTS: (lambda scene: len(scene.points), "there are no points"),
    DRAWN: (
        lambda scene: scene.calibrated or len(scene.points),
        "there are neither points nor cameras with intrinsics",
    ),
    GAUSSIANS: (lambda scene: scene.gaussians, "there are no Gaussians: they come from task=splat"),
}
WRITERS: dict[str, tuple[tuple[str, ...], Callable[[ExportScene, Path], Path]]] = {
    "colmap": ((VIEWS, CALIBRATED), lambda scene, folder: write_colmap(scene, folder / "colmap")),
    "colmap_text": (
        (VIEWS, CALIBRATED),
        lambda scene, folder: write_colmap(scene, folder / "colmap_text", text=True),
    ),
    "nerfstudio": ((VIEWS, CALIBRATED), lambda scene, folder: write_nerfstudio(scene, folder / "nerfstudio")),
    "tum": ((VIEWS,), lambda scene, folder: write_tum(scene, folder / "trajectory.txt")),
    "glb": ((VIEWS, DRAWN), _glb),
    "ply": ((POINTS,), _ply),
    "splat": ((GAUSSIANS,), _splat),
    "spz": ((GAUSSIANS,), _spz),
    "rerun": ((VIEWS,), _rerun),
}
