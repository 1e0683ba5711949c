"""A reconstruction as files that other programs open: GLB (trimesh) and PLY."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from plyfile import PlyData, PlyElement

from hw4.core.durable import write_bytes
from hw4.data.photos import limited
from hw4.data.scenes.ply import read_vertices
from hw4.geometry.cameras import FRUSTUM_EDGES, as_world_of_first, frustum_depth, moved
from hw4.models.base import Reconstruction
from hw4.models.clouds import Cloud
from hw4.output.reconstruction import camera_color, view_frusta

# glTF has y up and looks along -z; cameras here have y down and look along +z.
GLTF_FROM_CAMERA = np.diag([1.0, -1.0, -1.0, 1.0])
TEXTURE_EDGE = 256


def write_points_ply(cloud: Cloud, path: Path) -> Path:
    """Write points, colours and, where there is one, ``confidence``; the reconstruction's world, y down.

    Coordinates are float32, or float64 where rounding to that would be seen, as in UTM coordinates.
    """
    axis_type = "<f8" if _needs_doubles(cloud.points) else "<f4"
    columns = [
        ("x", axis_type),
        ("y", axis_type),
        ("z", axis_type),
        ("red", "u1"),
        ("green", "u1"),
        ("blue", "u1"),
    ]
    if cloud.conf is not None:
        columns.append(("confidence", "<f4"))
    rows = np.zeros(len(cloud), dtype=columns)
    for axis, name in enumerate("xyz"):
        rows[name] = cloud.points[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        rows[name] = cloud.colors[:, channel]
    if cloud.conf is not None:
        rows["confidence"] = cloud.conf
    buffer = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(buffer)
    write_bytes(path, buffer.getvalue())
    return path


def _needs_doubles(points: np.ndarray) -> bool:
    """Whether float32 rounds by more than a hundred-thousandth of the cloud's size."""
    if not len(points):
        return False
    size = float(np.ptp(points, axis=0).max())
    return bool(np.abs(points).max() * np.finfo(np.float32).eps > 1e-5 * size)


def read_points_ply(path: Path) -> Cloud:
    """A cloud that `write_points_ply` wrote.

    Raises:
        ValueError: it is no such file.
    """
    vertex = read_vertices(path)
    points = np.stack([np.asarray(vertex[name], np.float64) for name in "xyz"], axis=1)
    colors = np.stack([np.asarray(vertex[name]) for name in ("red", "green", "blue")], axis=1)
    named = vertex.dtype.names or ()
    conf = np.asarray(vertex["confidence"], np.float32) if "confidence" in named else None
    return Cloud(points, colors.astype(np.uint8), conf, len(points))


def _wireframe(corners: np.ndarray, color: tuple[int, int, int]) -> Any:
    radius = 0.015 * float(np.linalg.norm(corners[1] - corners[3]))
    mesh: Any = trimesh.util.concatenate(
        [trimesh.creation.cylinder(radius, segment=corners[list(edge)], sections=6) for edge in FRUSTUM_EDGES]
    )
    colors = np.tile(np.array([*color, 255], np.uint8), (len(mesh.vertices), 1))
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=colors)
    return mesh


def _photo(corners: np.ndarray, image: np.ndarray) -> trimesh.Trimesh:
    """The photo on the frustum's far side, seen from both sides."""
    picture = limited(Image.fromarray(image), TEXTURE_EDGE)
    # Texture coordinates have v up; corners run clockwise from the top left.
    uv = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], float)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
    )
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    return trimesh.Trimesh(corners[1:], [(0, 1, 2), (0, 2, 3)], visual=visual, process=False)


def scene_of_reconstruction(reconstruction: Reconstruction, cloud: Cloud, names: list[str]) -> trimesh.Scene:
    """The cloud and one frustum with its photo per placed camera, in the first placed camera's frame, y up.

    Nodes are called ``points``, ``camera_<view>_<name>`` and ``photo_<view>_<name>``. A camera without
    intrinsics is left out: its frustum is not known.
    """
    r = reconstruction
    transform = GLTF_FROM_CAMERA @ as_world_of_first(r.cam_from_world)
    scene: Any = trimesh.Scene()
    if len(cloud):
        opaque = np.concatenate([cloud.colors, np.full((len(cloud), 1), 255, np.uint8)], axis=1)
        points = trimesh.PointCloud(moved(cloud.points, transform), colors=opaque)
        scene.add_geometry(points, node_name="points", geom_name="points")
    depth = frustum_depth(cloud.points, r.cam_from_world)
    for view, corners in view_frusta(r, depth, transform).items():
        color = camera_color(view, r.n_views)
        for kind, mesh in (
            ("camera", _wireframe(corners, color)),
            ("photo", _photo(corners, r.images[view])),
        ):
            name = f"{kind}_{view}_{names[view]}"
            scene.add_geometry(mesh, node_name=name, geom_name=name)
    return scene


def write_glb(scene: trimesh.Scene, path: Path) -> Path:
    """Write a binary glTF, whole or not at all."""
    content = scene.export(file_type="glb")
    assert isinstance(content, bytes | bytearray), os.fspath(path)
    write_bytes(path, bytes(content))
    return path
