"""A recording for the viewer of rerun.io, where `rerun-sdk` is installed."""

import tempfile
from pathlib import Path

import numpy as np

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.photos import load_image
from hw4.geometry.cameras import four_by_four, scaled_K
from hw4.show.export.scene import ExportScene

# Photos in the recording.
PHOTO_EDGE = 640


def write_rerun(scene: ExportScene, path: Path) -> Path:
    """Write ``world/points`` and a camera with its photo for each view; places are less `scene.offset`.

    Raises:
        UserError: rerun-sdk is not installed.
    """
    try:
        import rerun as rr
    except ImportError as error:
        raise UserError(f"{path.name} needs rerun-sdk: pip install 'hw4[rerun]'") from error
    with tempfile.TemporaryDirectory(prefix="hw4-rerun-") as scratch:
        written = Path(scratch) / path.name
        recording = rr.RecordingStream("hw4")
        recording.save(written)
        recording.log("world", rr.ViewCoordinates.RDF, static=True)
        if len(scene.points):
            points = rr.Points3D(scene.points.points - scene.offset, colors=scene.points.colors)
            recording.log("world/points", points, static=True)
        for number, view in enumerate(scene.views):
            camera = f"world/{number:04d}"
            world_from_cam = np.linalg.inv(four_by_four(view.cam_from_world[None]))[0]
            transform = rr.Transform3D(
                translation=world_from_cam[:3, 3] - scene.offset, mat3x3=world_from_cam[:3, :3]
            )
            recording.log(camera, transform, static=True)
            if view.K is None:
                continue
            size, K = view.size, view.K
            if view.photo is not None:
                photo = load_image(view.photo, PHOTO_EDGE)
                size = photo.shape[1], photo.shape[0]
                K = scaled_K(K, view.size, size)
                recording.log(f"{camera}/photo", rr.Image(photo).compress(), static=True)
            recording.log(
                f"{camera}/photo", rr.Pinhole(image_from_camera=K, resolution=list(size)), static=True
            )
        recording.disconnect()
        write_bytes(path, written.read_bytes())
    return path
