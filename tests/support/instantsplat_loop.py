"""InstantSplat's trainer, written a second time from what is known of it, to compare with `splat/recipe`.

It shares the rasterizer and the order of views with the trainer under test, and nothing else.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hw4.splat.rasterize import RasterOptions, Splats, Views, rasterize
from hw4.splat.training.step import view_order

RATES = {"sh0": 0.025, "shN": 0.00125, "opacities": 0.05, "scales": 0.05, "quats": 0.01}


@dataclass
class Loop:
    """A run of some iterations; `values` are the parameters, `losses` and `rates` one record per iteration.

    Attributes:
        images: N photos (H, W, 3) in [0, 1].
        cameras: (N, 4, 4).
        Ks: (N, 3, 3); only their focal lengths are used.
        points, colors, conf: (P, 3), (P, 3) uint8 and (P,).
        iterations: of the whole run.
        position_lr, scale_factor: what setting 2 doubles.
        per_point: whether unsure points move faster.
        prune_every: iterations between prunings, null for none; they end at `prune_stop`.
    """

    images: list[np.ndarray]
    cameras: np.ndarray
    Ks: np.ndarray
    points: np.ndarray
    colors: np.ndarray
    conf: np.ndarray
    iterations: int
    seed: int
    position_lr: float = 1.6e-4
    scale_factor: float = 1.0
    per_point: bool = True
    prune_every: int | None = None
    prune_start: int = 100
    prune_stop: int = 900
    losses: list[float] = field(default_factory=list)
    rates: list[dict[str, float]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.points)
        gaps = np.linalg.norm(self.points[:, None] - self.points[None], axis=-1)
        nearest = np.sort(gaps, axis=1)[:, 1:4]
        spacing = np.sqrt((nearest**2).mean(axis=1))
        values = {
            "means": self.points,
            "sh0": ((self.colors / 255 - 0.5) / (0.5 / np.sqrt(np.pi)))[:, None],
            "shN": np.zeros((n, 15, 3)),
            "opacities": np.full(n, np.log(0.1 / 0.9)),
            "scales": np.log(np.tile(spacing[:, None], (1, 3))),
            "quats": np.tile([1.0, 0, 0, 0], (n, 1)),
            "cameras": np.array([[*quaternion(c[:3, :3]), *c[:3, 3]] for c in self.cameras]),
        }
        self.values = {k: torch.tensor(v, dtype=torch.float32, requires_grad=True) for k, v in values.items()}
        self.first = {k: torch.zeros_like(v) for k, v in self.values.items()}
        self.second = {k: torch.zeros_like(v) for k, v in self.values.items()}
        self.steps = dict.fromkeys(self.values, 0)
        self.per_point_rates = torch.tensor(1 + 99 * (1 - 1 / (1 + np.exp(-self.conf))), dtype=torch.float32)
        centers = np.array([-c[:3, :3].T @ c[:3, 3] for c in self.cameras])
        self.extent = 1.1 * np.linalg.norm(centers - centers.mean(axis=0), axis=1).max()

    def iterate(self, iteration: int) -> None:
        """One iteration, from 1."""
        view = view_order(len(self.images), self.seed, iteration)
        target = torch.tensor(self.images[view], dtype=torch.float32)
        height, width = target.shape[:2]
        v = self.values
        # Through the fields of view: what the file says of the principal point is lost.
        K = np.eye(3)
        for axis, side in enumerate((width, height)):
            fov = 2 * np.arctan(side / (2 * self.Ks[view][axis, axis]))
            K[axis, axis], K[axis, 2] = side / (2 * np.tan(fov / 2)), side / 2
        colors = torch.cat([v["sh0"], v["shN"]], dim=1)
        splats = Splats(v["means"], v["quats"], v["scales"].exp(), v["opacities"].sigmoid(), colors)
        views = Views(
            matrix(v["cameras"][view])[None], torch.tensor(K, dtype=torch.float32)[None], width, height
        )
        options = RasterOptions(sh_degree=min(3, iteration // 1000), backgrounds=torch.zeros(1, 3))
        image = rasterize(splats, views, options)[0][0]
        loss = 0.8 * (image - target).abs().mean() + 0.2 * (1 - padded_ssim(image, target))
        for value in v.values():
            value.grad = None
        loss.backward()
        rates = {
            **RATES,
            "scales": RATES["scales"] * self.scale_factor,
            "means": decayed(self.position_lr * self.extent, 1 / 100, iteration / 30_000),
            "cameras": decayed(1e-4, 1 / 100, iteration / self.iterations),
        }
        self.losses.append(loss.item())
        self.rates.append(rates)
        every = self.prune_every
        if every and self.prune_start < iteration < self.prune_stop and iteration % every == 0:
            self.prune()
        if iteration < self.iterations:
            for name, rate in rates.items():
                self.adam(name, rate)
        self.counts.append(len(self.values["means"]))

    def prune(self) -> None:
        """The tensors that remain are new ones, and so without a gradient in this iteration."""
        keep = self.values["opacities"].detach().sigmoid() >= 0.005
        for name in set(self.values) - {"cameras"}:
            self.values[name] = self.values[name].detach()[keep].requires_grad_()
            self.first[name], self.second[name] = self.first[name][keep], self.second[name][keep]
        self.per_point_rates = self.per_point_rates[keep]

    def adam(self, name: str, rate: float) -> None:
        """One step of Kingma and Ba's algorithm."""
        value = self.values[name]
        if value.grad is None:
            return
        self.steps[name] += 1
        t, g = self.steps[name], value.grad
        self.first[name] = 0.9 * self.first[name] + 0.1 * g
        self.second[name] = 0.999 * self.second[name] + 0.001 * g * g
        step = (self.first[name] / (1 - 0.9**t)) / ((self.second[name] / (1 - 0.999**t)).sqrt() + 1e-15)
        if name == "means" and self.per_point:
            step = step * self.per_point_rates[:, None]
        with torch.no_grad():
            value -= rate * step


def decayed(first: float, factor: float, t: float) -> float:
    """Log-linear from `first` at 0 to `first` times `factor` at 1."""
    return float(np.exp((1 - t) * np.log(first) + t * np.log(first * factor)))


def quaternion(R: np.ndarray) -> np.ndarray:
    """wxyz of a rotation by less than half a turn."""
    w = np.sqrt(1 + np.trace(R)) / 2
    return np.array([w, *(np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / (4 * w))])


def matrix(camera: Tensor) -> Tensor:
    """(4, 4) of a quaternion wxyz of any length and a translation."""
    w, x, y, z = camera[:4] / camera[:4].norm()
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), camera[4]]),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x), camera[5]]),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y), camera[6]]),
    ]
    return torch.cat([torch.stack(rows), torch.tensor([[0.0, 0, 0, 1]])])


def padded_ssim(x: Tensor, y: Tensor) -> Tensor:
    """3DGS's: an 11x11 window of sigma 1.5, zeros beyond the edges."""
    line = torch.exp(-((torch.arange(11, dtype=x.dtype) - 5) ** 2) / (2 * 1.5**2))
    line = line / line.sum()
    window = torch.outer(line, line).expand(3, 1, 11, 11)

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(image.permute(2, 0, 1)[None], window, padding=5, groups=3)

    mx, my = blur(x), blur(y)
    vx, vy, covariance = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    score = (2 * mx * my + 1e-4) * (2 * covariance + 9e-4)
    return (score / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean()
