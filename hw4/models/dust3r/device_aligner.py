"""DUSt3R's global alignment on another device than the CPU: upstream's objective, some pairs at a time.

Upstream's own forward pass holds several times the predictions of all pairs. Here they lie on the device
once, and what is made of them is made, and its gradient taken, for `POINTS_AT_ONCE` of them at a time.
Nothing waits for the device.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hw4.models.dust3r.aligner_kernel import BETA
from hw4.models.dust3r.predictions import PairPredictions

# Upstream's learning rate at the end of the schedule.
LR_MIN = 1e-6
# Some 100 bytes each while they are worked on.
POINTS_AT_ONCE = 20_000_000


def per_side(predictions: PairPredictions) -> tuple[float, float]:
    """Upstream's means over all pixels of the first and of the second views, as factors on their weights."""
    areas = [math.prod(shape) for shape in predictions.shapes]
    first, second = (1 / sum(areas[edge[side]] for edge in predictions.edges) for side in (0, 1))
    return first, second


class DeviceObjective:
    """The objective of an upstream `PointCloudOptimizer` on its device.

    Args:
        scene: initialised.
        predictions: of the pairs that are its edges, in their order.
    """

    def __init__(self, scene: Any, predictions: PairPredictions) -> None:
        self.scene = scene
        self._values = torch.from_numpy(predictions.values).to(scene.device, copy=True)
        # Of the copy: confidences become weights.
        self._values[3].log_()
        factors = per_side(predictions)
        # Alike are sides of pairs whose views have the same number of pixels: one tensor.
        alike: dict[int, list[tuple[int, int, int, float]]] = {}
        for pair, edge in enumerate(predictions.edges):
            for side, view in enumerate(edge):
                area = math.prod(predictions.shapes[view])
                place = int(predictions.begins[pair, side])
                alike.setdefault(area, []).append((pair, view, place, factors[side]))
        self._chunks = []
        for area, members in alike.items():
            step = max(1, POINTS_AT_ONCE // area)
            for begin in range(0, len(members), step):
                pairs, views, places, weights = zip(*members[begin : begin + step], strict=True)
                index = torch.tensor([pairs, views], device=scene.device)
                scale = torch.tensor(weights, device=scene.device)[:, None]
                self._chunks.append((area, places, index, scale))

    def _losses(self, world: Tensor, from_pair: Tensor) -> Iterator[Tensor]:
        """The objective in parts, each to be taken backward before the next is made."""
        for area, places, (pairs, views), scale in self._chunks:
            parts = torch.stack([self._values[:, place : place + area] for place in places]).float()
            M = from_pair[pairs]
            aligned = M[:, :3, :3] @ parts[:, :3] + M[:, :3, 3:]
            distance = (world[views, :area] - aligned.mT).norm(dim=-1)
            yield (scale * parts[:, 3] * distance).sum()

    def with_gradient(self) -> Tensor:
        """The objective, () on the device; its gradients are added to those of the scene's parameters."""
        whole = self.scene.get_pts3d(raw=True), self.scene.get_pw_poses()
        leaves = [values.detach().requires_grad_() for values in whole]
        total = torch.zeros((), device=self.scene.device)
        for loss in self._losses(*leaves):
            loss.backward()
            total += loss.detach()
        torch.autograd.backward(whole, [leaf.grad for leaf in leaves])
        return total

    @torch.no_grad()
    def value(self) -> float:
        """The objective. Waits for the device."""
        return float(sum(self._losses(self.scene.get_pts3d(raw=True), self.scene.get_pw_poses())))

    def run(self, iterations: int, lr: float, schedule: str) -> tuple[float, float]:
        """Upstream's `global_alignment_loop`; the objective before and after."""
        before = self.value()
        parameters = [p for p in self.scene.parameters() if p.requires_grad]
        adam = torch.optim.Adam(parameters, lr=lr, betas=(BETA, BETA), fused=True)
        for step in range(iterations):
            for group in adam.param_groups:
                group["lr"] = learning_rate(step / iterations, lr, schedule)
            adam.zero_grad()
            self.with_gradient()
            adam.step()
        return before, self.value()


def learning_rate(t: float, lr: float, schedule: str) -> float:
    """Upstream's ``linear`` or ``cosine`` schedule at t in [0, 1]."""
    if schedule == "cosine":
        return LR_MIN + (lr - LR_MIN) * (1 + float(np.cos(t * np.pi))) / 2
    return lr + (LR_MIN - lr) * t
