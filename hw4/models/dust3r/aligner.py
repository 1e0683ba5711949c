"""DUSt3R's global alignment as upstream has it, faster on a CPU (`benchmarks/alignment.py`).

Objective, parameters, start, Adam and schedule are those of upstream's `dust3r.cloud_opt`
(`PointCloudOptimizer`, `global_alignment_loop`); gradients are analytic and every step is one pass over the
points (`hw4.models.dust3r.aligner_kernel`). The kernel runs on the CPU; for other devices there is
`hw4.models.dust3r.device_aligner`.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from hw4.models.dust3r.aligner_kernel import BETA, BLOCK, EPS, decode, gather, sweep
from hw4.models.dust3r.device_aligner import DeviceObjective, learning_rate, per_side
from hw4.models.dust3r.predictions import PairPredictions

# Predicted points that are worth a thread: below, handing over costs more than it gains.
POINTS_PER_THREAD = 400_000


class FastAligner:
    """The optimisation problem that an upstream `PointCloudOptimizer` holds, laid out for the kernel.

    Args:
        scene: initialised; all its poses, focal lengths and depths are free and its principal points are
            fixed, as upstream has it unless presets are asked for.
        predictions: of the pairs that are its edges, in their order; read where they are.
    """

    def __init__(self, scene: Any, predictions: PairPredictions) -> None:
        self.scene = scene
        shapes = predictions.shapes
        areas = [height * width for height, width in shapes]
        self._sizes = np.array(shapes, np.int64)
        self.pair_params = _array(scene.pw_poses).astype(np.float64)
        self.view_params = np.hstack([_array(scene.im_poses), _array(scene.im_focals)]).astype(np.float64)
        self.log_depth = _array(scene.im_depthmaps).astype(np.float32)
        n_pairs, n_views = len(self.pair_params), len(self.view_params)

        values = predictions.values
        self._points, self._weights = (
            array if array.dtype == np.float32 else array.view(np.uint16)
            for array in (values, predictions.weights())
        )
        self._per_side = np.array(per_side(predictions), np.float32)
        seen: list[list[tuple[int, int, int]]] = [[] for _ in shapes]
        for pair, edge in enumerate(predictions.edges):
            for side, view in enumerate(edge):
                seen[view].append((pair, int(predictions.begins[pair, side]), side))
        most = max(len(pairs) for pairs in seen)
        self._seen = np.full((n_views, most, 3), -1, np.int64)
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
            self._weights,
            self._per_side,
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
    scene: Any, predictions: PairPredictions, iterations: int, lr: float, schedule: str
) -> tuple[float, float]:
    """Optimise an initialised scene of upstream's in place, as its `global_alignment_loop` would.

    Args:
        scene, predictions: see `FastAligner`.
        iterations, lr, schedule: as upstream's.

    Returns:
        Upstream's objective before and after.
    """
    if scene.device.type != "cpu":
        objective = DeviceObjective(scene, predictions)
        return objective.run(iterations, lr, schedule)
    aligner = FastAligner(scene, predictions)
    # A divergence shows in the values; its overflows need no warnings.
    with np.errstate(all="ignore"):
        before = aligner.objective()
        aligner.run(iterations, lr, schedule)
        after = aligner.objective()
    aligner.write_back()
    return before, after


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()
