"""A generated video: a first-and-last-frame pipeline of diffusers (``pip install 'hw4[video]'``, GPU)."""

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from PIL import Image

from hw4.config.interpolate import VideoConfig
from hw4.core.errors import UserError, brief
from hw4.data.photos import resized
from hw4.interpolate.base import InterpolationFailed, Interpolator

# Wan's autoencoder (8) times its transformer's patch (2).
SIZE_STEP = 16


class VideoInterpolator(Interpolator):
    """Wan FLF2V by default; another model must take the same arguments as `WanImageToVideoPipeline`.

    Never run with real weights by this project's tests: they need a GPU and a download of tens of gigabytes.
    """

    name = "video"

    def __init__(self, config: VideoConfig) -> None:
        """Load the pipeline.

        Raises:
            UserError: diffusers or a GPU is missing, or the model cannot be loaded.
        """
        missing = [name for name in ("diffusers", "transformers") if importlib.util.find_spec(name) is None]
        if missing:
            raise UserError(
                f"interpolate.method=video needs {' and '.join(missing)}: pip install 'hw4[video]' "
                "(or use interpolate.method=crossfade|dis)."
            )
        import torch

        if not torch.cuda.is_available():
            raise UserError(
                "interpolate.method=video needs a CUDA GPU; use interpolate.method=crossfade|dis here."
            )
        from diffusers import DiffusionPipeline

        try:
            self._pipeline: Any = DiffusionPipeline.from_pretrained(config.model, torch_dtype=torch.bfloat16)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot load interpolate.video.model={config.model}: {brief(error)}") from error
        self._pipeline.enable_model_cpu_offload()
        self._config = config

    def frames(self, first: np.ndarray, last: np.ndarray, count: int) -> Sequence[np.ndarray]:
        """The generated frames, `count` of them spread evenly, at the photos' size."""
        import torch

        config = self._config
        if config.frames < count:
            raise InterpolationFailed(
                f"interpolate.video.frames={config.frames} are fewer than the {count} to keep"
            )
        size = first.shape[1], first.shape[0]
        width, height = (max(SIZE_STEP, round(edge / SIZE_STEP) * SIZE_STEP) for edge in size)
        photos = [resized(Image.fromarray(photo), (width, height)) for photo in (first, last)]
        start, end = reversed(photos) if config.reverse else photos
        try:
            output = self._pipeline(
                image=start,
                last_image=end,
                prompt=config.prompt,
                height=height,
                width=width,
                num_frames=config.frames,
                num_inference_steps=config.steps,
                guidance_scale=config.guidance,
                generator=torch.Generator().manual_seed(config.seed),
                output_type="np",
            )
        except (RuntimeError, ValueError, TypeError) as error:
            raise InterpolationFailed(f"{config.model}: {brief(error)}") from error
        video = np.asarray(output.frames[0])
        picks = np.rint(np.linspace(0, len(video) - 1, count)).astype(int)
        kept = [np.rint(255 * np.clip(video[pick], 0, 1)).astype(np.uint8) for pick in picks]
        made = [np.asarray(resized(Image.fromarray(frame), size)) for frame in kept]
        return made[::-1] if config.reverse else made

    def options(self) -> dict[str, object]:
        """The whole configuration."""
        return {"method": self.name, **asdict(self._config)}
