"""Models that need no weights, for tests of the run itself."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel


class FakeModel(ReconstructionModel):
    """Cameras that depend on the images' names and the seed alone; every fifth sample fails."""

    name = "fake"
    weights_label = "none"

    def __init__(self, seconds: float = 0.0, calls: Path | None = None) -> None:
        self.seconds = seconds
        self.calls = calls

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        time.sleep(self.seconds)
        idx = int(image_paths[0].name.split("_")[0])
        if self.calls is not None:
            with self.calls.open("a") as file:
                file.write(f"{idx}\n")
        if idx % 5 == 4:
            raise ReconstructionFailed(f"sample {idx} always fails")
        if idx % 5 == 3:
            raise RuntimeError("the model broke")
        n = len(image_paths)
        rng = np.random.default_rng(1000 * idx + seed)
        cam_from_world = np.zeros((n, 3, 4))
        cam_from_world[:, :, :3] = Rotation.random(n, random_state=idx + seed).as_matrix()
        cam_from_world[:, :, 3] = rng.normal(size=(n, 3))
        images = [np.zeros((4, 4, 3), np.uint8)] * n
        eyes = np.tile(np.eye(3), (n, 1, 1))
        points = [rng.normal(size=(4, 4, 3)).astype(np.float32) for _ in range(n)]
        return Reconstruction(
            cam_from_world, eyes, np.full((n, 2), 4), eyes, images, pts3d=points, notes={"idx": idx}
        )


class Mortal(FakeModel):
    """Its process dies of a sample, unless the file `dead` is there by then; it leaves its number beside."""

    def __init__(self, idx: int, dead: Path) -> None:
        super().__init__()
        self._idx, self._dead = idx, dead
        dead.with_name(f"{dead.name}-{os.getpid()}").touch()

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        if image_paths[0].name.startswith(f"{self._idx}_") and not self._dead.exists():
            self._dead.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reconstruct(image_paths, Ks, seed)


def mortal(idx: int, dead: Path) -> Mortal:
    return Mortal(idx, dead)
