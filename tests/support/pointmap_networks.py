"""Networks in DUSt3R's place whose pointmaps are known: a random one, put onto a scene of known cameras."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import nn

from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.dust3r.network import load_network as load_dust3r_network

FOCAL = 60.0


def make_photos(folder: Path, n: int, sizes: tuple[tuple[int, int], ...] = ((100, 75),)) -> list[Path]:
    """n photos of coloured blots; sizes (width, height) are dealt out in turn."""
    rng = np.random.default_rng(n)
    paths = []
    for view in range(n):
        blots = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        path = folder / f"{view}.png"
        blots.resize(sizes[view % len(sizes)], Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


def arc_cameras(n: int) -> np.ndarray:
    """(n, 4, 4) world-to-camera, 20° of yaw and some pitch and roll apart, with a baseline."""
    cameras = np.tile(np.eye(4), (n, 1, 1))
    for view in range(n):
        angles = (20 * view, 4 * np.sin(view), 3 * view)
        cameras[view, :3, :3] = Rotation.from_euler("yxz", angles, degrees=True).as_matrix()
        cameras[view, :3, 3] = (-0.5 * view, 0.1 * np.cos(3 * view) - 0.1, 0.15 * view)
    return cameras


def local_points(view: int, height: int, width: int) -> np.ndarray:
    """(H, W, 3) points of a bumpy surface seen by a camera of `FOCAL` pixels, in its own frame."""
    u, v = np.meshgrid(np.arange(width) + 0.0, np.arange(height) + 0.0)
    z = 2 + 0.5 * np.sin(u / 9 + view) * np.cos(v / 7) + 0.01 * u
    return np.stack([(u - width / 2) / FOCAL * z, (v - height / 2) / FOCAL * z, z], axis=-1)


class SceneNetwork(nn.Module):
    """A network whose pointmaps are a scene's, plus what the random network makes of the pixels.

    Args:
        network: DUSt3R; its output shifts each point by at most `noise` and decides the confidence.
        cameras: (N, 4, 4) world-to-camera.
        noise: 0: exact pointmaps.
        confidence: added to the network's own, which is above 1.
    """

    def __init__(
        self, network: nn.Module, cameras: np.ndarray, noise: float = 0.02, confidence: float = 3.0
    ) -> None:
        super().__init__()
        self.network, self.cameras = network, cameras
        self.noise, self.confidence = noise, confidence

    def forward(self, view1: dict, view2: dict) -> tuple[dict, dict]:
        first, second = self.network(view1, view2)
        seen = (first, view1["idx"], "pts3d"), (second, view2["idx"], "pts3d_in_other_view")
        for prediction, views, name in seen:
            raw = prediction[name]
            for entry, (view, reference) in enumerate(zip(views, view1["idx"], strict=True)):
                relative = self.cameras[int(reference)] @ np.linalg.inv(self.cameras[int(view)])
                points = local_points(int(view), *raw.shape[1:3]) @ relative[:3, :3].T + relative[:3, 3]
                # Each pair has its own scale, as the real network's.
                scale = 1 + 0.1 * int(reference)
                raw[entry] = torch.from_numpy(points * scale) + self.noise * torch.tanh(raw[entry])
            prediction["conf"] = prediction["conf"] + self.confidence
        return first, second


class ShapedNetwork(nn.Module):
    """A network whose pointmaps, in both of its outputs, are replaced by `shape` of them."""

    def __init__(
        self, network: nn.Module, shape: Callable[[torch.Tensor], torch.Tensor], confidence: float = 3.0
    ) -> None:
        super().__init__()
        self.network, self.shape, self.confidence = network, shape, confidence

    def forward(self, view1: dict, view2: dict) -> tuple[dict, dict]:
        first, second = self.network(view1, view2)
        first["pts3d"] = self.shape(first["pts3d"])
        second["pts3d_in_other_view"] = self.shape(second["pts3d_in_other_view"])
        for prediction in (first, second):
            prediction["conf"] = prediction["conf"] + self.confidence
        return first, second


def dust3r_with(wrap: Callable[[nn.Module], nn.Module], config: Dust3rConfig | None = None) -> Dust3rModel:
    """Our model around a wrapped small random network."""
    config = config or Dust3rConfig(weights="random", device="cpu")
    loaded = load_dust3r_network(config)
    loaded.network = wrap(loaded.network)
    return Dust3rModel(loaded, config)


def pixel_grid(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x and y in [-0.5, 0.5) of every pixel, of the shape (B, H, W) of pointmaps (B, H, W, 3)."""
    batch, height, width = points.shape[:3]
    x = torch.arange(width) / width - 0.5
    y = torch.arange(height) / height - 0.5
    return x.expand(batch, height, width), y[:, None].expand(batch, height, width)


def plane(points: torch.Tensor) -> torch.Tensor:
    """A picture on a wall."""
    x, y = pixel_grid(points)
    return torch.stack([x, y, torch.ones_like(x)], dim=-1)


def line(points: torch.Tensor) -> torch.Tensor:
    """All points on one line."""
    x, _ = pixel_grid(points)
    return torch.stack([x, 0 * x, torch.ones_like(x)], dim=-1)


def point(points: torch.Tensor) -> torch.Tensor:
    """All points in one place."""
    return torch.zeros_like(points) + torch.tensor([0.1, -0.2, 1.0])
