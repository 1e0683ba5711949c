"""A COLMAP model by pycolmap, and the photos that its cameras are of."""

import tempfile
from pathlib import Path

from hw4.core.colmap import pycolmap
from hw4.core.durable import write_bytes
from hw4.data.photos import open_photo, open_upright, orientation_of
from hw4.show.export.scene import ExportScene, ExportView

PLAIN = (".png", ".jpg", ".jpeg")


def colmap_model(scene: ExportScene) -> pycolmap.Reconstruction:
    """A PINHOLE camera for each view, so that none is changed; points have no tracks."""
    model = pycolmap.Reconstruction()
    for number, view in enumerate(scene.calibrated, 1):
        assert view.K is not None
        width, height = view.size
        fx, fy, cx, cy = view.K[0, 0], view.K[1, 1], view.K[0, 2], view.K[1, 2]
        camera = pycolmap.Camera(
            model="PINHOLE", width=width, height=height, params=[fx, fy, cx, cy], camera_id=number
        )
        model.add_camera_with_trivial_rig(camera)
        image = pycolmap.Image(name=image_name(view), camera_id=number, image_id=number)
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(view.cam_from_world[:, :3]), view.cam_from_world[:, 3])
        model.add_image_with_trivial_frame(image, pose)
    track = pycolmap.Track()
    for point, color in zip(scene.points.points, scene.points.colors, strict=True):
        model.add_point3D(point, track, color)
    return model


def write_colmap(scene: ExportScene, folder: Path, text: bool = False) -> Path:
    """Write ``sparse/0`` and ``images/``; returns the folder."""
    model = colmap_model(scene)
    with tempfile.TemporaryDirectory(prefix="hw4-colmap-") as scratch:
        if text:
            model.write_text(scratch)
        else:
            model.write_binary(scratch)
        for path in sorted(Path(scratch).iterdir()):
            write_bytes(folder / "sparse" / "0" / path.name, path.read_bytes())
    write_photos(scene, folder / "images")
    return folder


def image_name(view: ExportView) -> str:
    """The name of a view's image file: PNG and JPEG keep theirs."""
    return view.name if Path(view.name).suffix.lower() in PLAIN else f"{view.name}.png"


def write_photos(scene: ExportScene, folder: Path) -> None:
    """The photos of the views that have one, as files whose stored pixels are those of the camera."""
    for view in scene.calibrated:
        if view.photo is None:
            continue
        path = folder / image_name(view)
        if path.suffix == view.photo.suffix and not _has_orientation(view.photo):
            write_bytes(path, view.photo.read_bytes())
            continue
        with tempfile.TemporaryDirectory(prefix="hw4-photo-") as scratch:
            copy = Path(scratch) / path.name
            open_upright(view.photo).convert("RGB").save(copy, quality=95)
            write_bytes(path, copy.read_bytes())


def _has_orientation(photo: Path) -> bool:
    with open_photo(photo) as image:
        return orientation_of(image) != 1
