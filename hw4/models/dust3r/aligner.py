"""DUSt3R's global alignment as upstream has it, many times faster on a CPU.

Objective, parameters, start, Adam and schedule are those of upstream's `dust3r.cloud_opt`
(`PointCloudOptimizer`, `global_alignment_loop`); gradients are analytic and every step is one pass over the
points (`hw4.models.dust3r.aligner_kernel`). The kernel runs on the CPU; elsewhere upstream's forward pass is
used, without waiting for the device in every iteration.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from hw4.models.dust3r.aligner_kernel import BETA, BLOCK, EPS, decode, gather, sweep

# Upstream's learning rate at the end of the schedule.
LR_MIN = 1e-6
# Predicted points that are worth a thread: below, handing over costs more than it gains.
POINTS_PER_THREAD = 400_000


class FastAligner:
    """The optimisation problem that an upstream `PointCloudOptimizer` holds, laid out for the kernel.

    Args:
        scene: initialised; all its poses, focal lengths and depths are free and its principal points are
            fixed, as upstream has it unless presets are asked for.
    """

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        shapes = scene.imshapes
        areas = [height * width for height, width in shapes]
        self._sizes = np.array(shapes, np.int64)
        self.pair_params = _array(scene.pw_poses).astype(np.float64)
        self.view_params = np.hstack([_array(scene.im_poses), _array(scene.im_focals)]).astype(np.float64)
        self.log_depth = _array(scene.im_depthmaps).astype(np.float32)
        n_pairs, n_views = len(self.pair_params), len(self.view_params)

        total_area = [sum(areas[edge[side]] for edge in scene.edges) for side in (0, 1)]
        self._points = np.empty((4, sum(total_area)), np.float32)
        seen: list[list[tuple[int, int]]] = [[] for _ in shapes]
        begin = 0
        for pair, edge in enumerate(scene.edges):
            stacks = (scene._stacked_pred_i, scene._weight_i), (scene._stacked_pred_j, scene._weight_j)
            for side, (points, weights) in enumerate(stacks):
                view = edge[side]
                end = begin + areas[view]
                self._points[:3, begin:end] = _array(points[pair, : areas[view]]).T
                # The means over the pixels of all pairs, as upstream takes them, are in the weights.
                self._points[3, begin:end] = _array(weights[pair, : areas[view]]) / total_area[side]
                seen[view].append((pair, begin))
                begin = end
        most = max(len(pairs) for pairs in seen)
        self._seen = np.full((n_views, most, 2), -1, np.int64)
        for view, pairs in enumerate(seen):
            self._seen[view, : len(pairs)] = pairs
        self._tasks = np.array(
            [
                (view, start, min(start + BLOCK, area))
                for view, area in enumerate(areas)
                for start in range(0, area, BLOCK)
            ],
            np.int64,
        )
        self._similarities = np.empty((n_pairs, 3, 4), np.float32)
        self._cameras = np.empty((n_views, 13), np.float32)
        self._pair_sums = np.empty((len(self._tasks), most, 13), np.float32)
        self._view_sums = np.empty((len(self._tasks), 13), np.float32)
        self._moments = [np.zeros_like(self.log_depth) for _ in range(2)]
        threads = min(torch.get_num_threads(), max(1, self._points.shape[1] // POINTS_PER_THREAD))
        bounds = [len(self._tasks) * part // threads for part in range(threads + 1)]
        self._parts = list(itertools.pairwise(bounds))
        self._threads = ThreadPoolExecutor(threads) if threads > 1 else None

    def objective_and_gradients(
        self, lr_corrected: float = 0.0, root_correction: float = 1.0
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Upstream's objective, and its gradients with respect to `pair_params` and `view_params`.

        Args:
            lr_corrected: not 0: depths also take their Adam step with this rate, ``lr / (1 - beta^t)``.
            root_correction: ``sqrt(1 - beta^t)`` of that step.

        Returns:
            The objective before the step, (E, 8) and (N, 8).
        """
        decode(self.pair_params, self.view_params, self._similarities, self._cameras)
        given = (
            self._tasks,
            self._seen,
            self._points,
            self._similarities,
            self._cameras,
            self._sizes,
            self.log_depth,
            *self._moments,
            lr_corrected,
            root_correction,
            self._pair_sums,
            self._view_sums,
        )
        if self._threads is None:
            sweep(0, len(self._tasks), *given)
        else:
            list(self._threads.map(lambda part: sweep(*part, *given), self._parts))
        pair_gradient, view_gradient = np.empty_like(self.pair_params), np.empty_like(self.view_params)
        objective = gather(
            self._tasks,
            self._seen,
            self._pair_sums,
            self._view_sums,
            self.pair_params,
            self.view_params,
            pair_gradient,
            view_gradient,
        )
        return float(objective), pair_gradient, view_gradient

    def objective(self) -> float:
        """Upstream's objective."""
        return self.objective_and_gradients()[0]

    def run(self, iterations: int, lr: float, schedule: str) -> None:
        """Upstream's `global_alignment_loop`."""
        parameters = (self.pair_params, self.view_params)
        moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
        for moment in self._moments:
            moment.fill(0)
        for step in range(iterations):
            rate = learning_rate(step / iterations, lr, schedule)
            correction = 1 - BETA ** (step + 1)
            lr_corrected, root_correction = rate / correction, float(np.sqrt(correction))
            _, *gradients = self.objective_and_gradients(lr_corrected, root_correction)
            for values, gradient, (first, second) in zip(parameters, gradients, moments, strict=True):
                first += (1 - BETA) * (gradient - first)
                second += (1 - BETA) * (gradient * gradient - second)
                values -= lr_corrected * first / (np.sqrt(second) / root_correction + EPS)

    def write_back(self) -> None:
        """Put the parameters into upstream's scene."""
        with torch.no_grad():
            self.scene.pw_poses.copy_(torch.from_numpy(self.pair_params))
            self.scene.im_poses.copy_(torch.from_numpy(self.view_params[:, :7]))
            self.scene.im_focals.copy_(torch.from_numpy(self.view_params[:, 7:]))
            self.scene.im_depthmaps.copy_(torch.from_numpy(self.log_depth))


def optimise(
    scene: Any, iterations: int, lr: float, schedule: str, frees: bool = False
) -> tuple[float, float]:
    """Optimise an initialised scene of upstream's in place, as its `global_alignment_loop` would.

    Args:
        scene: see `FastAligner`.
        iterations, lr, schedule: as upstream's.
        frees: the scene gives up its predicted points on a CPU, and with them its own objective: two copies
            of those of many views are what a machine has no room for.

    Returns:
        Upstream's objective before and after.
    """
    if scene.device.type == "cpu":
        aligner = FastAligner(scene)
        for name in ("_stacked_pred_i", "_stacked_pred_j", "_weight_i", "_weight_j") if frees else ():
            delattr(scene, name)
        # A divergence shows in the values; its overflows need no warnings.
        with np.errstate(all="ignore"):
            before = aligner.objective()
            aligner.run(iterations, lr, schedule)
            after = aligner.objective()
        aligner.write_back()
        return before, after
    with torch.no_grad():
        before = float(scene())
    parameters = [p for p in scene.parameters() if p.requires_grad]
    adam = torch.optim.Adam(parameters, lr=lr, betas=(BETA, BETA), fused=True)
    for step in range(iterations):
        for group in adam.param_groups:
            group["lr"] = learning_rate(step / iterations, lr, schedule)
        adam.zero_grad()
        scene().backward()
        adam.step()
    with torch.no_grad():
        return before, float(scene())


def learning_rate(t: float, lr: float, schedule: str) -> float:
    """Upstream's ``linear`` or ``cosine`` schedule at t in [0, 1]."""
    if schedule == "cosine":
        return LR_MIN + (lr - LR_MIN) * (1 + float(np.cos(t * np.pi))) / 2
    return lr + (LR_MIN - lr) * t


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()
