"""Density control: gsplat's strategies, driven on the CPU as on CUDA."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from gsplat.cuda._torch_impl import _quat_scale_to_covar_preci
from gsplat.strategy import DefaultStrategy, MCMCStrategy
from gsplat.strategy import ops as strategy_ops
from torch import Tensor
from torch.nn import Parameter, ParameterDict
from torch.optim import Optimizer

from hw4.config import DensifyConfig
from hw4.config.splat import AUTO, CPU_GAUSSIANS, CUDA_MCMC_GAUSSIANS


def compute_relocation(
    opacities: Tensor, scales: Tensor, ratios: Tensor, binoms: Tensor
) -> tuple[Tensor, Tensor]:
    """Opacities (N,) and scales (N, 3) of a Gaussian that is to be `ratios` (N,) Gaussians in one place.

    Equation 9 of "3D Gaussian Splatting as Markov Chain Monte Carlo" (Kheradmand et al. 2024), which gsplat
    has in CUDA only. `binoms` is the table of binomial coefficients.
    """
    n_max = len(binoms)
    n = ratios.clamp(1, n_max).long()
    new_opacities = 1 - (1 - opacities) ** (1 / n)
    i, k = torch.arange(1, n_max + 1), torch.arange(n_max)
    # Term (i, k) of the double sum over 1 <= i <= n, 0 <= k <= i - 1.
    signs = (1 - 2 * (k % 2)) / torch.sqrt(k + 1.0)
    # The sum alternates: in float32 it would lose most digits.
    coefficients = (binoms[(i - 1)[:, None], k[None]] * signs).double()
    powers = new_opacities.double()[:, None] ** (k[None] + 1)
    per_i = torch.einsum("ik,nk->ni", coefficients, powers)
    denominator = (per_i * (i[None] <= n[:, None])).sum(dim=1)
    return new_opacities, scales * (opacities / denominator).to(scales)[:, None]


def _quat_scale_to_covar(*args: Any, **kwargs: Any) -> Any:
    return _quat_scale_to_covar_preci(*args, **kwargs)


@contextlib.contextmanager
def _without_cuda(on_cpu: bool) -> Iterator[None]:
    """While it lasts, the two CUDA kernels that gsplat's strategies call have CPU stand-ins."""
    if not on_cpu:
        yield
        return
    with mock.patch.multiple(
        strategy_ops, compute_relocation=compute_relocation, quat_scale_to_covar_preci=_quat_scale_to_covar
    ):
        yield


class _Default(DefaultStrategy):
    """gsplat's, with a cap, and statistics of every step that do not wait for the device: no indexing by a
    mask.
    """

    grow_grad2d: float
    max_gaussians = sys.maxsize

    @torch.no_grad()
    def _grow_gs(
        self,
        params: ParameterDict | dict[str, Parameter],
        optimizers: dict[str, Optimizer],
        state: dict[str, Any],
        step: int,
    ) -> tuple[int, int]:
        """Grow where the gradient is highest, up to the cap: each copy and each split adds one Gaussian."""
        configured = self.grow_grad2d
        room = max(0, self.max_gaussians - len(params["means"]))
        if room < len(params["means"]):
            grads = state["grad2d"] / state["count"].clamp_min(1)
            # What grows is above the threshold: the highest gradient that finds no room is not.
            first_left_out = grads.sort(descending=True).values[room].item()
            self.grow_grad2d = max(configured, first_left_out)
        try:
            return super()._grow_gs(params, optimizers, state, step)
        finally:
            self.grow_grad2d = configured

    def _update_state(
        self,
        params: ParameterDict | dict[str, Parameter],
        state: dict[str, Any],
        info: dict[str, Any],
        packed: bool = False,
    ) -> None:
        grads = info["means2d"].grad
        for name in ("grad2d", "count"):
            if state[name] is None:
                state[name] = torch.zeros(grads.shape[1], device=grads.device)
        # To [-1, 1] of the screen.
        across = grads[..., 0] * (info["width"] / 2.0 * info["n_cameras"])
        down = grads[..., 1] * (info["height"] / 2.0 * info["n_cameras"])
        seen = (info["radii"] > 0).all(dim=-1)
        norms = torch.stack([across, down], dim=-1).norm(dim=-1)
        state["grad2d"] += (norms * seen).sum(dim=0)
        state["count"] += seen.sum(dim=0)


def most_gaussians(config: DensifyConfig, on_cuda: bool) -> int:
    """`splat.densify.max_gaussians` as a number; `sys.maxsize`: no limit."""
    limit = config.max_gaussians
    if limit == AUTO:
        if not on_cuda:
            return CPU_GAUSSIANS
        limit = CUDA_MCMC_GAUSSIANS if config.strategy == "mcmc" else None
    return sys.maxsize if limit is None else int(limit)


class DensityControl:
    """`splat.densify` as a strategy of gsplat, with a cap on the number of Gaussians."""

    def __init__(self, config: DensifyConfig, extent: float, on_cuda: bool) -> None:
        self.config = config
        self.extent = extent
        self.state: dict[str, Any]
        if config.strategy == "mcmc":
            self._mcmc = MCMCStrategy(
                cap_max=most_gaussians(config, on_cuda),
                refine_start_iter=config.start,
                refine_stop_iter=config.stop,
                refine_every=config.every,
                min_opacity=config.prune_opacity,
            )
            self.state = self._mcmc.initialize_state()
        else:
            self._default = _Default(
                prune_opa=config.prune_opacity,
                grow_grad2d=config.grad_threshold,
                refine_start_iter=config.start,
                refine_stop_iter=config.stop,
                refine_every=config.every,
                reset_every=config.opacity_reset_every,
            )
            self._default.max_gaussians = most_gaussians(config, on_cuda)
            self.state = self._default.initialize_state(scene_scale=extent)

    def refines(self, step: int) -> bool:
        """Whether Gaussians are counted, added or removed after this step, which waits for the device."""
        config = self.config
        return config.start < step < config.stop and step % config.every == 0

    def is_exhausted(self, gaussians: ParameterDict, step: int) -> bool:
        """Whether no Gaussian is left, or, at a step of MCMC's, none to which others could be moved.

        Waits for the device in the latter case.
        """
        if self.config.strategy == "mcmc" and self.refines(step):
            return not bool((torch.sigmoid(gaussians["opacities"]) > self.config.prune_opacity).any())
        return len(gaussians["means"]) == 0

    def regularisation(self, gaussians: ParameterDict) -> Tensor | float:
        """What MCMC adds to the loss: its Gaussians are to be few and small; 0 for another strategy.

        Sizes count in scene extents, so that the weight fits any scale; gsplat's trainer scales its scenes.
        """
        if self.config.strategy != "mcmc":
            return 0.0
        opacity = torch.sigmoid(gaussians["opacities"]).mean()
        size = torch.exp(gaussians["scales"]).mean() / self.extent
        return self.config.opacity_reg * opacity + self.config.scale_reg * size

    def before_step(self, gaussians: ParameterDict, optimizers: dict[str, Optimizer], step: int) -> None:
        """Nothing: gsplat's strategies work after the step."""

    def before_backward(
        self, gaussians: ParameterDict, optimizers: dict[str, Optimizer], step: int, info: dict[str, Any]
    ) -> None:
        """Keep the gradient of ``info["means2d"]``."""
        if self.config.strategy == "default":
            self._default.step_pre_backward(gaussians, optimizers, self.state, step, info)

    def after_step(
        self,
        gaussians: ParameterDict,
        optimizers: dict[str, Optimizer],
        step: int,
        info: dict[str, Any],
        means_lr: float,
    ) -> None:
        """Grow, prune, relocate or reset, in place. Steps count from 1, as in the 3DGS papers' settings."""
        on_cpu = gaussians["means"].device.type == "cpu"
        with _without_cuda(on_cpu):
            if self.config.strategy == "mcmc":
                self._mcmc.step_post_backward(gaussians, optimizers, self.state, step, info, lr=means_lr)
                return
            self._default.step_post_backward(gaussians, optimizers, self.state, step, info)
            self._reset_opacities(gaussians, optimizers, step)

    def _reset_opacities(self, gaussians: ParameterDict, optimizers: dict[str, Optimizer], step: int) -> None:
        # gsplat 1.5.3 never resets: "step % n == 0 & step > 0" reads as "... == (0 & step) > 0".
        if step % self.config.opacity_reset_every == 0 and step < self.config.stop:
            strategy_ops.reset_opa(gaussians, optimizers, self.state, value=2 * self.config.prune_opacity)


class Pruning(DensityControl):
    """`splat.densify.prune_only`: nothing is added, and what has become transparent goes.

    As InstantSplat's trainer does it: before the optimisers' step, which the Gaussians then miss, because the
    tensors that replace theirs have no gradient yet.
    """

    def before_step(self, gaussians: ParameterDict, optimizers: dict[str, Optimizer], step: int) -> None:
        """Remove Gaussians below `splat.densify.prune_opacity`, in place."""
        if self.refines(step):
            weak = torch.sigmoid(gaussians["opacities"]) < self.config.prune_opacity
            strategy_ops.remove(gaussians, optimizers, self.state, weak)

    def after_step(
        self,
        gaussians: ParameterDict,
        optimizers: dict[str, Optimizer],
        step: int,
        info: dict[str, Any],
        means_lr: float,
    ) -> None:
        """Reset opacities where it is time."""
        self._reset_opacities(gaussians, optimizers, step)


def density_control(config: DensifyConfig, extent: float, on_cuda: bool = False) -> DensityControl | None:
    """The density control of a configuration; None where it is off. `extent` as in `scene_extent`."""
    if config.strategy == "off":
        return None
    prunes_only = config.strategy == "default" and config.prune_only
    return (Pruning if prunes_only else DensityControl)(config, extent, on_cuda)
