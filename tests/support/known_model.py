"""A model with dense geometry that is known exactly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.models.base import Reconstruction, ReconstructionModel

K = np.array([[20.0, 0, 8], [0, 20, 6], [0, 0, 1]])
SIZE = (16, 12)


class KnownModel(ReconstructionModel):
    """Cameras in a world of their own; every pixel's point lies at a known depth on its ray."""

    name = "known"
    weights_label = "none"

    def __init__(self, dense: bool = True, lost: int | None = None) -> None:
        self.dense, self.lost = dense, lost

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        n = len(image_paths)
        cam_from_world = np.zeros((n, 3, 4))
        angles = [(20 * v, 30 * v + 5, 3) for v in range(n)]
        cam_from_world[:, :, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        cam_from_world[:, :, 3] = np.random.default_rng(0).normal(size=(n, 3))
        x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(K).T
        depth = [np.full(x.shape, 2.0 + v, np.float32) for v in range(n)]
        pts3d = [
            ((rays * d[..., None] - c[:, 3]) @ c[:, :3]).astype(np.float32)
            for d, c in zip(depth, cam_from_world, strict=True)
        ]
        pts3d[0][0, 0] = np.nan
        conf = [np.linspace(1, 5, x.size, dtype=np.float32).reshape(x.shape) for _ in range(n)]
        colors = np.random.default_rng(1).integers(0, 255, (n, *x.shape, 3), dtype=np.uint8)
        if self.lost is not None:
            cam_from_world[self.lost] = np.nan
        geometry: dict[str, object] = {"pts3d": pts3d, "conf": conf, "depth": depth}
        if not self.dense:
            geometry = {"points": pts3d[1].reshape(-1, 3)}
        return Reconstruction(
            cam_from_world,
            np.tile(K, (n, 1, 1)),
            np.tile(2 * np.array(SIZE), (n, 1)),
            np.tile(np.diag([2.0, 2, 1]), (n, 1, 1)),
            list(colors),
            **geometry,  # type: ignore[arg-type]
        )
