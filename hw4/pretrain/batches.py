"""Training views rendered on the fly, without end and without repeating a scene."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from hw4.data.sample.cameras import sample_view_cameras
from hw4.data.sample.scene import intrinsics, make_scene, render
from hw4.models.network.tiny import TINY_HEIGHT, TINY_WIDTH
from hw4.models.network.training import Views

MAX_YAW_DEG = 90.0
# Scene seeds of training start here; the sample sets use seed * 1_000_003 + small numbers, far below.
FIRST_TRAINING_SCENE = 2**40


def render_views(scene_seed: int, n_views: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Images (V, H, W, 3) uint8, depth (V, H, W) and cameras (V, 4, 4) of one new scene."""
    K = intrinsics(TINY_WIDTH, TINY_HEIGHT)
    while True:
        scene = make_scene(scene_seed)
        # To one side of the first view and evenly spread, so that wide pairs are as frequent as narrow ones.
        yaws = rng.choice([-1.0, 1.0]) * np.append(0.0, rng.uniform(0, MAX_YAW_DEG, n_views - 1))
        try:
            cameras = sample_view_cameras(scene, yaws, rng)
            break
        except ValueError:
            scene_seed += 2**32
    views = [render(scene, camera, K, TINY_WIDTH, TINY_HEIGHT) for camera in cameras]
    relative = cameras @ np.linalg.inv(cameras[0])
    return np.stack([v.rgb for v in views]), np.stack([v.depth for v in views]), relative


class SceneStream(IterableDataset):
    """Batches of `Views`, numbered: batch n is the same in every run, whatever the number of workers."""

    def __init__(self, seed: int, scenes: int, n_views: int, start: int = 0) -> None:
        self.seed, self.scenes, self.n_views, self.start = seed, scenes, n_views, start

    def batch(self, number: int) -> Views:
        """Batch `number`; its number of views goes through 2, 3, ... n_views and starts over."""
        rng = np.random.default_rng([self.seed, 4, number])
        n_views = 2 + number % (self.n_views - 1)
        first = FIRST_TRAINING_SCENE + (self.seed * 2**24 + number) * self.scenes
        parts = [render_views(first + i, n_views, rng) for i in range(self.scenes)]
        images = torch.from_numpy(np.stack([p[0] for p in parts])).permute(0, 1, 4, 2, 3).float() / 255
        gain = torch.from_numpy(rng.uniform(0.85, 1.15, (self.scenes, 1, 3, 1, 1))).float()
        return Views(
            (images * gain).clamp(0, 1),
            torch.from_numpy(np.stack([p[1] for p in parts])),
            torch.from_numpy(np.stack([p[2] for p in parts])).float(),
            torch.from_numpy(intrinsics(TINY_WIDTH, TINY_HEIGHT)).float(),
        )

    def __iter__(self) -> Iterator[Views]:
        worker = get_worker_info()
        offset, step = (worker.id, worker.num_workers) if worker else (0, 1)
        number = self.start + offset
        while True:
            yield self.batch(number)
            number += step


def stream(seed: int, scenes: int, n_views: int, start: int, workers: int) -> Iterator[Views]:
    """Batches from number `start` on, in order, rendered in worker processes."""
    dataset = SceneStream(seed, scenes, n_views, start)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)
    return iter(loader)
