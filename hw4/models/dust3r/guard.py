"""Safe stand-ins for what upstream's global alignment calls while it initialises."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

from hw4.geometry.pnp import MIN_POINTS, NO_METHOD, PnPResult, crowding, diagnose_points, safe_pnp
from hw4.models.dust3r.focal import default_focal, usable_focal
from hw4.models.network.upstream import replaced

# RANSAC iterations of the fallback solvers, which only run where upstream's few did not do.
FALLBACK_ITERATIONS = 100


class InitGuard:
    """Safe stand-ins for what upstream's initialisation calls, and a record of what they met.

    Args:
        module: upstream's `init_im_poses`.
        fallbacks: whether other PnP solvers are tried where upstream's fails.
    """

    def __init__(self, module: ModuleType, fallbacks: bool = True) -> None:
        self.module = module
        self.fallbacks = fallbacks
        self.results: list[PnPResult] = []
        self.tree: list[tuple[int, int]] = []
        self.registered: list[bool] = []
        self.assumed_focals = 0

    def active(self) -> contextlib.AbstractContextManager[None]:
        """While open, upstream's initialisation uses the stand-ins."""
        return replaced(
            self.module,
            fast_pnp=self._pnp(self.module.fast_pnp),
            rigid_points_registration=self._registration(self.module.rigid_points_registration),
            estimate_focal=self._focal(self.module.estimate_focal),
            minimum_spanning_tree=self._spanning_tree(self.module.minimum_spanning_tree),
        )

    def results_by_view(self, n_views: int) -> dict[int, PnPResult]:
        """PnP results by view: upstream asks, in order, for each view that no tree edge starts from."""
        placed = {i for i, _ in self.tree}
        return dict(zip((v for v in range(n_views) if v not in placed), self.results, strict=False))

    @property
    def degenerate_registrations(self) -> int:
        """How many registrations of two pointmaps had no solution."""
        return self.registered.count(False)

    def unregistered_views(self) -> list[int]:
        """Views that a tree edge without solution should have placed: upstream registers each edge but the
        first, in order, and an edge places the view that it starts from unless an earlier one did."""
        placed = {i for i, _ in self.tree[:1]}
        lost = []
        for (i, _), solved in zip(self.tree[1:], self.registered, strict=False):
            if i not in placed and not solved:
                lost.append(i)
            placed.add(i)
        return lost

    def _spanning_tree(self, upstream: Callable[..., Any]) -> Callable[..., Any]:
        def minimum_spanning_tree(*args: Any, **kwargs: Any) -> Any:
            pts3d, self.tree, focals, cameras = upstream(*args, **kwargs)
            return pts3d, self.tree, focals, cameras

        return minimum_spanning_tree

    def _pnp(self, upstream: Callable[..., Any]) -> Callable[..., Any]:
        def fast_pnp(
            pts3d: torch.Tensor,
            focal: float,
            msk: torch.Tensor,
            device: Any,
            pp: Any = None,
            niter_PnP: int = 10,
        ) -> Any:
            points, mask = pts3d.detach().cpu().numpy(), msk.detach().cpu().numpy()
            height, width = points.shape[:2]
            K = np.array([(focal, 0, width / 2), (0, focal, height / 2), (0, 0, 1)], np.float32)
            pixels = np.mgrid[:width, :height].T.astype(np.float32)
            shape = diagnose_points(points[mask])
            found, problem = None, _why_not(mask, pixels, K)
            if problem is None:
                problem = "no consensus among the points"
                try:
                    found = upstream(pts3d, focal, msk, device, pp=pp, niter_PnP=niter_PnP)
                except cv2.error as error:
                    problem = getattr(error, "err", None) or str(error).strip()
            if found is not None and bool(torch.isfinite(found[1]).all()):
                self.results.append(PnPResult(None, "SQPnP", 0, shape, None))
                return found
            if not self.fallbacks:
                self.results.append(PnPResult(None, NO_METHOD, 0, shape, f"{problem}; {shape}"))
                return None
            if mask.sum() < MIN_POINTS:
                mask = np.ones_like(mask)
            iterations = max(niter_PnP, FALLBACK_ITERATIONS)
            result = safe_pnp(points[mask], pixels[mask], K, iterations)
            method = result.method if result.problem else f"{result.method} with {iterations} iterations"
            self.results.append(replace(result, method=method, problem=f"{problem}; {result.shape}"))
            if result.cam_from_world is None:
                return None
            camera = np.vstack([result.cam_from_world, (0, 0, 0, 1)])
            return focal, torch.from_numpy(np.linalg.inv(camera).astype(np.float32)).to(device)

        return fast_pnp

    def _registration(self, upstream: Callable[..., Any]) -> Callable[..., Any]:
        def rigid_points_registration(pts1: torch.Tensor, pts2: torch.Tensor, conf: torch.Tensor) -> Any:
            try:
                scale, R, T = upstream(pts1, pts2, conf)
                if float(scale) > 0 and all(
                    bool(torch.isfinite(torch.as_tensor(x)).all()) for x in (scale, R, T)
                ):
                    self.registered.append(True)
                    return scale, R, T
            except (RuntimeError, ValueError):
                pass
            self.registered.append(False)
            shift = pts2.reshape(-1, 3).mean(dim=0) - pts1.reshape(-1, 3).mean(dim=0)
            return torch.ones((), device=pts1.device), torch.eye(3, device=pts1.device), shift

        return rigid_points_registration

    def _focal(self, upstream: Callable[..., Any]) -> Callable[..., Any]:
        def estimate_focal(pts3d_i: torch.Tensor, pp: Any = None) -> float:
            focal = float(upstream(pts3d_i, pp))
            if usable_focal(focal):
                return focal
            self.assumed_focals += 1
            return default_focal(pts3d_i.shape[0], pts3d_i.shape[1])

        return estimate_focal


def _why_not(mask: np.ndarray, pixels: np.ndarray, K: np.ndarray) -> str | None:
    """Why PnP on the (H, W, 2) pixels of a mask is not tried, or None."""
    return "too few confident pixels" if mask.sum() < MIN_POINTS else crowding(pixels[mask], K)
