"""Rendering of given cameras from a trained ``.ply``; needs no image of the scene."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import ParameterDict

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.photos import render_names
from hw4.data.scenes.cameras import Cameras
from hw4.splat.gaussians import render_gaussians
from hw4.splat.pictures import is_ours, png_bytes
from hw4.splat.rasterize import device_for
from hw4.splat.training.step import BACKGROUNDS
from hw4.splat.training.train import to_uint8
from hw4.splat.world import gaussians_in_unit_world


@torch.no_grad()
def render_cameras(
    gaussians: ParameterDict,
    cameras: Cameras,
    out_dir: Path,
    background: str = "black",
    rasterizer: str = "auto",
    offset: np.ndarray | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Path]:
    """Write ``{image name}.png`` for every camera; returns the files, in the cameras' order.

    Args:
        gaussians: see `hw4.splat.gaussians.load_ply`.
        cameras: what to render.
        out_dir: receives the PNGs.
        background: ``black`` or ``white``; ``random`` means black here.
        rasterizer: ``auto``, ``gsplat`` or ``cpu``.
        offset: (3,) what the cameras' world adds to the Gaussians' centres (`ply_offset`), or None.
        progress: called after each image with (done, total, its name).

    Raises:
        UserError: the rasterizer cannot run here, a file cannot be written, or is there and is no render.
    """
    device = device_for(rasterizer)
    offset = np.zeros(3) if offset is None else offset
    gaussians, viewmats = gaussians_in_unit_world(gaussians, offset, cameras.cam_from_world)
    gaussians = gaussians.to(device)
    paths = [out_dir / name for name in render_names(cameras.names, "the set of cameras")]
    for path in paths:
        if os.path.lexists(path) and not is_ours(path):
            raise UserError(
                f"{path} is there and is no render of ours: choose a folder without photos "
                "(splat.render.out)."
            )
    for i, path in enumerate(paths):
        width, height = (int(edge) for edge in cameras.sizes[i])
        image, _, _ = render_gaussians(
            gaussians,
            torch.tensor(viewmats[i], dtype=torch.float32, device=device)[None],
            torch.tensor(cameras.Ks[i], dtype=torch.float32, device=device)[None],
            width,
            height,
            backgrounds=torch.full((1, 3), BACKGROUNDS.get(background, 0.0), device=device),
        )
        write_bytes(path, png_bytes(to_uint8(image[0])))
        if progress is not None:
            progress(i + 1, len(paths), path.relative_to(out_dir).as_posix())
    return paths
