"""A fly-through of a trained scene."""

import tempfile
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
import torch
from imageio_ffmpeg import count_frames_and_secs
from torch.nn import ParameterDict

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError, brief
from hw4.geometry.paths import camera_path
from hw4.splat.gaussians import render_gaussians

VIDEO_FPS = 30


@torch.no_grad()
def fly_through(
    gaussians: ParameterDict,
    cam_from_world: np.ndarray,
    K: np.ndarray,
    size: tuple[int, int],
    n_frames: int,
    path: Path,
    background: float = 0.0,
) -> Path:
    """Write an mp4 along a path through N >= 2 cameras; `size` is (width, height), `K` (3, 3) its intrinsics.

    H.264 takes even sizes only: an odd last row or column is left out.

    Raises:
        UserError: the video cannot be encoded or written.
    """
    width, height = size[0] - size[0] % 2, size[1] - size[1] % 2
    if min(width, height) < 2:
        raise UserError(f"{size[0]}x{size[1]} pixels are too few for a video.")
    like = gaussians["means"]
    options: dict[str, Any] = {"fps": VIDEO_FPS, "codec": "libx264", "quality": 8, "macro_block_size": 2}
    with tempfile.TemporaryDirectory(prefix="hw4-video-") as folder:
        encoded = Path(folder) / "video.mp4"
        try:
            writer: Any = imageio.get_writer(encoded, ffmpeg_log_level="quiet", **options)
            with writer:
                for camera in camera_path(cam_from_world, n_frames):
                    image, _, _ = render_gaussians(
                        gaussians,
                        torch.as_tensor(camera).to(like)[None],
                        torch.as_tensor(K).to(like)[None],
                        width,
                        height,
                        backgrounds=torch.full((1, 3), background).to(like),
                    )
                    writer.append_data((image[0].clamp(0, 1) * 255).round().byte().cpu().numpy())
            # ffmpeg ends without a word where the disk is full.
            if count_frames_and_secs(str(encoded))[0] != n_frames:
                raise OSError("frames are missing")
            content = encoded.read_bytes()
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"ffmpeg could not encode the fly-through ({brief(error)}): free some space in "
                f"{Path(folder).parent}, give another folder with TMPDIR=..., or use splat.video_frames=0."
            ) from error
    write_bytes(path, content)
    return path
