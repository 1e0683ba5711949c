"""Rendering of given cameras from a trained ``.ply``; needs no image of the scene."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import ParameterDict

from hw4.config import DataConfig, SampleConfig, SceneConfig
from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.image_names import render_names
from hw4.data.scenes.colmap import read_colmap
from hw4.data.scenes.layouts import colmap_folder, sparse_views_folder, split_indices
from hw4.data.scenes.scene import limited_size
from hw4.geometry.cameras import scaled_K
from hw4.splat.gaussians import render_gaussians
from hw4.splat.pictures import png_bytes
from hw4.splat.rasterize import device_for
from hw4.splat.training.step import BACKGROUNDS
from hw4.splat.training.train import to_uint8


@dataclass(frozen=True)
class Cameras:
    """Cameras to render.

    Attributes:
        names: M image names, with or without suffix.
        cam_from_world: (M, 4, 4) float64 world-to-camera.
        Ks: (M, 3, 3) float64 in pixels.
        sizes: (M, 2) int width and height.
    """

    names: list[str]
    cam_from_world: np.ndarray
    Ks: np.ndarray
    sizes: np.ndarray


def read_cameras(folder: Path, resolution: int | None = None) -> Cameras:
    """All cameras of a COLMAP folder (``cameras`` and ``images``, txt or bin).

    Args:
        folder: the COLMAP model.
        resolution: longest edge in pixels; null for the model's own sizes.

    Raises:
        UserError: no such folder, or no usable cameras in it.
    """
    model = read_colmap(folder.expanduser())
    sizes = np.array([limited_size(size, resolution) for size in model.sizes])
    return Cameras(model.names, model.cam_from_world, scaled_K(model.Ks, model.sizes, sizes), sizes)


def held_out_cameras(data: DataConfig) -> Cameras:
    """The test cameras of a scene; its images are not needed.

    Raises:
        UserError: the scene has no test cameras.
    """
    if isinstance(data, SampleConfig):
        from hw4.data.sample import ensure_sample

        return read_cameras(ensure_sample(data) / "scene" / "sparse_3" / "1")
    if not isinstance(data, SceneConfig):
        raise UserError(f"data={data.name} has no scene to render; use data=sample or data=scene.")
    root = Path(data.root).expanduser()
    views = sparse_views_folder(root, data.train_views)
    if views is not None and data.layout in ("auto", "sparse_3"):
        return read_cameras(views / "1", data.resolution)
    folder = colmap_folder(root)
    if folder is None:
        raise UserError(
            f"{root} has no cameras to render: give a COLMAP folder with splat.render.cameras=<folder>."
        )
    cameras = read_cameras(folder, data.resolution)
    test = split_indices(len(cameras.names), data.test_every, None)[1]
    names = [cameras.names[i] for i in test]
    return Cameras(names, cameras.cam_from_world[test], cameras.Ks[test], cameras.sizes[test])


@torch.no_grad()
def render_cameras(
    gaussians: ParameterDict,
    cameras: Cameras,
    out_dir: Path,
    background: str = "black",
    rasterizer: str = "auto",
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Path]:
    """Write ``{image name}.png`` for every camera; returns the files, in the cameras' order.

    Args:
        gaussians: see `hw4.splat.gaussians.load_ply`.
        cameras: what to render.
        out_dir: receives the PNGs.
        background: ``black`` or ``white``; ``random`` means black here.
        rasterizer: ``auto``, ``gsplat`` or ``cpu``.
        progress: called after each image with (done, total, its name).

    Raises:
        UserError: the rasterizer cannot run here, or a file cannot be written.
    """
    device = device_for(rasterizer)
    gaussians = gaussians.to(device)
    paths = []
    for i, name in enumerate(render_names(cameras.names, "the set of cameras")):
        width, height = (int(edge) for edge in cameras.sizes[i])
        image, _, _ = render_gaussians(
            gaussians,
            torch.tensor(cameras.cam_from_world[i], dtype=torch.float32, device=device)[None],
            torch.tensor(cameras.Ks[i], dtype=torch.float32, device=device)[None],
            width,
            height,
            backgrounds=torch.full((1, 3), BACKGROUNDS.get(background, 0.0), device=device),
        )
        path = out_dir / name
        write_bytes(path, png_bytes(to_uint8(image[0])))
        paths.append(path)
        if progress is not None:
            progress(i + 1, len(cameras.names), name)
    return paths
