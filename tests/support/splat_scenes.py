"""A small world of Gaussians with cameras around it, rendered: a scene whose truth is known exactly."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.data.scenes.scene import TestViews, TrainScene
from hw4.geometry.align import Similarity
from hw4.splat.gaussians import clone, make_gaussians, render_gaussians
from hw4.splat.start import Initialisation
from hw4.splat.training.train import to_uint8

WIDTH, HEIGHT = 40, 32


def ring_cameras(n: int) -> np.ndarray:
    """(n, 4, 4) world-to-camera, 4 units from the origin and 15 degrees apart, looking at it."""
    cameras = np.tile(np.eye(4), (n, 1, 1))
    for view in range(n):
        cameras[view, :3, :3] = Rotation.from_euler("y", 15 * (view - (n - 1) / 2), degrees=True).as_matrix()
        cameras[view, :3, 3] = (0, 0, 4)
    return cameras


def random_similarity(seed: int) -> Similarity:
    rng = np.random.default_rng(seed)
    return Similarity(rng.uniform(0.2, 5), Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3))


def true_scene(n_views: int = 3, n_points: int = 60) -> tuple[TrainScene, Initialisation]:
    """Photos of Gaussians, and an initialisation that is these Gaussians themselves."""
    rng = np.random.default_rng(5)
    points = rng.uniform(-1, 1, (n_points, 3))
    colors = rng.integers(40, 255, (n_points, 3)).astype(np.uint8)
    gaussians = make_gaussians(points, colors, sh_degree=0, opacity=0.9, scale_factor=0.6)
    cameras = ring_cameras(n_views)
    Ks = np.tile(np.array([[40.0, 0, WIDTH / 2], [0, 40, HEIGHT / 2], [0, 0, 1]]), (n_views, 1, 1))
    with torch.no_grad():
        images, _, _ = render_gaussians(
            gaussians,
            torch.tensor(cameras, dtype=torch.float32),
            torch.tensor(Ks, dtype=torch.float32),
            WIDTH,
            HEIGHT,
            render_mode="RGB+ED",
        )
    depths = [image[..., 3].numpy().copy() for image in images]
    names = [f"{view}.png" for view in range(n_views)]
    scene = TrainScene(names, [], [to_uint8(image[..., :3]) for image in images], cameras, Ks)
    return scene, Initialisation(clone(gaussians), cameras, Ks, depths, "fake", None, list(range(n_views)))


def disturbed(init: Initialisation, noise: float, seed: int = 0) -> Initialisation:
    """The same start with its Gaussians moved by `noise` and their colours lost."""
    moved = clone(init.gaussians)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        moved["means"] += noise * torch.randn(moved["means"].shape, generator=generator)
        moved["sh0"].zero_()
    return Initialisation(moved, init.cam_from_world, init.Ks, init.depths, init.source, None, init.views)


def written_views(folder: Path) -> tuple[TestViews, list[np.ndarray]]:
    """The true scene's photos as test views on disk, and their pixels."""
    scene, truth = true_scene()
    for name, image in zip(scene.names, scene.images, strict=True):
        Image.fromarray(image).save(folder / name)
    sizes = np.tile([[WIDTH, HEIGHT]], (3, 1))
    paths = [folder / name for name in scene.names]
    return TestViews(scene.names, paths, truth.cam_from_world, truth.Ks, sizes, None), scene.images
