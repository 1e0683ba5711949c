"""nerfstudio's ``transforms.json`` and trajectories of TUM's format."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.core.durable import write_json, write_text
from hw4.data.photos import time_in
from hw4.geometry.cameras import four_by_four
from hw4.show.demo.files3d import write_points_ply
from hw4.show.export.colmap import image_name, write_photos
from hw4.show.export.scene import ExportScene

# From OpenGL's camera axes (y up, z backwards) to OpenCV's.
CV_FROM_GL = np.diag([1.0, -1.0, -1.0, 1.0])


def write_nerfstudio(scene: ExportScene, folder: Path) -> Path:
    """Write ``transforms.json``, ``images/`` and ``points.ply``; returns the folder.

    ``transform_matrix`` is world-from-camera with OpenGL's camera axes; the world is not turned, and there is
    no ``applied_transform``. Intrinsics stand in each frame. Source: nerfstudio's page on data conventions.
    """
    frames = []
    for view in scene.calibrated:
        assert view.K is not None
        world_from_cam = np.linalg.inv(four_by_four(view.cam_from_world[None]))[0]
        frames.append(
            {
                "file_path": f"images/{image_name(view)}",
                "transform_matrix": world_from_cam @ CV_FROM_GL,
                **{"fl_x": view.K[0, 0], "fl_y": view.K[1, 1], "cx": view.K[0, 2], "cy": view.K[1, 2]},
                **{"w": view.size[0], "h": view.size[1]},
            }
        )
    content = {"camera_model": "OPENCV", "frames": frames}
    if len(scene.points):
        write_points_ply(scene.points, folder / "points.ply")
        content["ply_file_path"] = "points.ply"
    write_photos(scene, folder / "images")
    write_json(folder / "transforms.json", content)
    return folder


def write_tum(scene: ExportScene, path: Path) -> Path:
    """Write ``timestamp tx ty tz qx qy qz qw`` a line, world-from-camera.

    Times are those in the photos' names where these ascend, as TUM's do; else the numbers of the views.
    Source: the file formats of the TUM RGB-D benchmark.
    """
    times = [time_in(view.name) for view in scene.views]
    told = [float(time) for time in times if time is not None]
    ascending = len(told) == len(times) and all(first < second for first, second in pairwise(told))
    stamps = times if ascending else range(len(times))
    world_from_cam = np.linalg.inv(four_by_four(scene.cam_from_world))
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for stamp, camera in zip(stamps, world_from_cam, strict=True):
        quat_xyzw = Rotation.from_matrix(camera[:3, :3]).as_quat()
        lines.append(" ".join([str(stamp), *(repr(float(x)) for x in (*camera[:3, 3], *quat_xyzw))]))
    write_text(path, "\n".join(lines) + "\n")
    return path
