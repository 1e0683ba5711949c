"""Compile what a splat needs before its first one waits for it: ``python -m hw4.splat.compile_kernels``.

numba keeps what it has compiled, so that once for an installation is enough.
"""

import tempfile

from hw4.config import SampleConfig, SplatConfig
from hw4.data.scenes.scene import scene_of
from hw4.splat.start import from_scene
from hw4.splat.training.step import TrainingRun


def compile_kernels() -> None:
    """An iteration on a small generated scene: kernels of ray caster, rasterizer and training.

    Raises:
        UserError: torch or gsplat is missing, or nothing can be written.
    """
    with tempfile.TemporaryDirectory(prefix="hw4-compile-") as folder:
        scene = scene_of(SampleConfig(root=f"{folder}/scene", pairs=1, frames=3, width=48, height=36)).train
        config = SplatConfig(rasterizer="cpu", iterations=1)
        TrainingRun(scene, from_scene(scene, config), config).advance()


if __name__ == "__main__":
    compile_kernels()
