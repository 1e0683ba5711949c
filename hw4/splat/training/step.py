"""State of one training run, and one iteration of it without waiting for the device."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter, ParameterDict

from hw4.config import SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.scene import TrainScene
from hw4.models.registry import choices
from hw4.splat.gaussians import TRAINED, clone, parameters, render_gaussians
from hw4.splat.rasterize import device_for
from hw4.splat.rasterize.trained import TrainedView, render_trained
from hw4.splat.start import Initialisation
from hw4.splat.training.adam_kernel import adam_step, step_without_gradient
from hw4.splat.training.cameras import first_parameters, learnt_cameras, scene_extent
from hw4.splat.training.densify import density_control
from hw4.splat.training.losses import Losses, depth_loss, photo_terms
from hw4.splat.training.masking import Mask, of_mask

BACKGROUNDS = {"black": 0.0, "white": 1.0}


def means_lr(config: SplatConfig, step: int, extent: float) -> float:
    """Position learning rate at a step: exponential decay, scaled by the scene's extent."""
    t = min(step / config.lr_decay_steps, 1.0)
    return config.lr * extent * config.lr_final_factor**t


def camera_lr(config: SplatConfig, step: int) -> float:
    """Camera learning rate at a step: exponential decay over the run."""
    t = min(step / max(config.iterations, 1), 1.0)
    return config.camera_lr * config.camera_lr_final_factor**t


def _optimizers(
    gaussians: ParameterDict, config: SplatConfig, extent: float
) -> dict[str, torch.optim.Optimizer]:
    rates = {
        "means": means_lr(config, 0, extent),
        "scales": config.scale_lr * config.scale_lr_factor,
        "quats": config.rotation_lr,
        "opacities": config.opacity_lr,
        "sh0": config.features_lr,
        "shN": config.features_lr / 20,
    }
    return {
        name: torch.optim.Adam([gaussians[name]], lr=rates[name], eps=1e-15, fused=True) for name in TRAINED
    }


def view_order(n_views: int, seed: int, step: int) -> int:
    """View of a step (from 1): every view once per round, each round in an order of its own."""
    turn, place = divmod(step - 1, n_views)
    return int(_round(n_views, seed, turn)[place])


@lru_cache(maxsize=4)
def _round(n_views: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, 17, turn]).permutation(n_views)


class TrainingRun:
    """State of one training run; everything in it goes into the checkpoint.

    Attributes:
        step: iterations done.
        failed_at: () int64 on the device, the first iteration whose loss was no number; 0: none.
        history: one record of metrics per logged iteration.
    """

    def __init__(self, scene: TrainScene, init: Initialisation, config: SplatConfig) -> None:
        self.device = device_for(config.rasterizer)
        self.config = config
        self.extent = scene_extent(init.cam_from_world)
        self.images = [torch.from_numpy(scene.images[v]).to(self.device).float() / 255 for v in init.views]
        masks = [Mask.of(scene.masks[v], self.device) if scene.masks else None for v in init.views]
        self.masks = [
            None if mask is None else (mask, mask.window_share(config.ssim_padding)) for mask in masks
        ]
        self.viewmats = torch.tensor(init.cam_from_world, dtype=torch.float32, device=self.device)
        self.Ks = torch.tensor(init.Ks, dtype=torch.float32, device=self.device)
        self.depths = None
        if config.depth_weight > 0:
            if init.depths is None:
                dense = choices(lambda spec: spec.dense)
                raise UserError(
                    f"splat.depth_weight needs a model's depth, and the start from {init.source} has none: "
                    f"use splat.init.source=model with {dense}, or splat.depth_weight=0."
                )
            self.depths = [
                torch.from_numpy(depth).to(self.device) * (1 if mask is None else mask.keep)
                for depth, mask in zip(init.depths, masks, strict=True)
            ]
        self.gaussians = clone(init.gaussians).to(self.device)
        self.optimizers = _optimizers(self.gaussians, config, self.extent)
        self.learnt = Parameter(first_parameters(config.camera_parameters, self.viewmats))
        self.camera_optimizer = torch.optim.Adam([self.learnt], lr=config.camera_lr, eps=1e-15, fused=True)
        self.density = density_control(config.densify, self.extent, self.device.type == "cuda")
        self.step = 0
        self.failed_at = torch.zeros((), dtype=torch.int64, device=self.device)
        self.history: list[dict[str, float]] = []

    def cameras(self) -> Tensor:
        """(N, 4, 4) training cameras as they stand."""
        return learnt_cameras(self.config.camera_parameters, self.viewmats, self.learnt, self.extent)

    def background(self) -> Tensor:
        """(1, 3) colour behind the Gaussians in this step; draws where it is random."""
        if self.config.background == "random":
            # Drawn on the CPU: the same colours whatever the device; pinned, so that the copy does not wait.
            drawn = torch.rand(1, 3, pin_memory=self.device.type == "cuda")
            return drawn.to(self.device, non_blocking=True)
        return self.shown_background()

    def shown_background(self) -> Tensor:
        """(1, 3) colour behind the Gaussians in pictures; black where training draws one for each step."""
        return torch.full((1, 3), BACKGROUNDS.get(self.config.background, 0.0), device=self.device)

    def sh_degree(self) -> int:
        """SH degree in use at this step."""
        return min(self.config.sh_degree, self.step // self.config.sh_every)

    def render(
        self, view: int, background: Tensor, mode: str = "RGB"
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Image (H, W, X), alpha (H, W) and info of a training view."""
        height, width = self.images[view].shape[:2]
        colors, alphas, info = render_gaussians(
            self.gaussians,
            self._camera(view),
            self.Ks[view : view + 1],
            width,
            height,
            sh_degree=self.sh_degree(),
            backgrounds=background,
            render_mode=mode,
        )
        return colors[0], alphas[0, ..., 0], info

    def _camera(self, view: int) -> Tensor:
        """(1, 4, 4) training camera as it stands, differentiable where cameras are optimised."""
        one = slice(view, view + 1)
        learnt = self.learnt[one] if self.config.optimize_cameras else self.learnt[one].detach()
        return learnt_cameras(self.config.camera_parameters, self.viewmats[one], learnt, self.extent)

    def _picture(self, view: int) -> tuple[Tensor, Tensor | None, dict[str, Any]]:
        """Image (H, W, 3), depth with alpha (H, W, 2) where depths are compared, and info of a view."""
        if self.depths is not None or self.device.type != "cpu":
            rendered, alpha, info = self.render(view, self.background(), "RGB+ED" if self.depths else "RGB")
            depth = torch.stack([rendered[..., 3], alpha], dim=-1) if self.depths else None
            return rendered[..., :3], depth, info
        height, width = self.images[view].shape[:2]
        seen = TrainedView(self.Ks[view], self.background()[0], width, height, self.sh_degree())
        image, info = render_trained(self.gaussians, self._camera(view)[0], seen)
        return image, None, info

    def advance(self) -> Losses:
        """One iteration. Waits for the device only where density control counts Gaussians (`refines`)."""
        config = self.config
        self.step += 1
        self.optimizers["means"].param_groups[0]["lr"] = self.means_lr()
        self.camera_optimizer.param_groups[0]["lr"] = camera_lr(config, self.step)
        view = view_order(len(self.images), config.seed, self.step)
        target = self.images[view]
        image, depth, info = self._picture(view)
        share = 1.0
        masked = self.masks[view]
        if masked is not None:
            image, share = masked[0].laid(image, target), masked[0].share
        l1, similarity = photo_terms(image, target, config.ssim_padding)
        if masked is not None:
            l1, similarity = of_mask(l1, share), of_mask(similarity, masked[1], elsewhere=1.0)
        loss = (1 - config.ssim_weight) * l1 + config.ssim_weight * (1 - similarity)
        if self.depths is not None and depth is not None:
            loss = loss + config.depth_weight * depth_loss(depth[..., 0], depth[..., 1], self.depths[view])
        fails = (self.failed_at == 0) & ~torch.isfinite(loss.detach())
        self.failed_at = torch.where(fails, self.step, self.failed_at)
        if self.density is not None:
            loss = loss + self.density.regularisation(self.gaussians)
            self.density.before_backward(self.gaussians, self.optimizers, self.step, info)
        loss.backward()
        self._update(info)
        return Losses(loss.detach(), l1.detach(), similarity.detach(), image.detach(), target, share)

    def means_lr(self) -> float:
        """Position learning rate of this step."""
        return means_lr(self.config, self.step, self.extent)

    def refines(self) -> bool:
        """Whether density control changed the number of Gaussians in this step, or tried to."""
        return self.density is not None and self.density.refines(self.step)

    def _update(self, info: dict[str, Any]) -> None:
        if self.density is not None:
            self.density.before_step(self.gaussians, self.optimizers, self.step)
        if self.step < self.config.iterations or self.config.update_at_end:
            self._step_optimizers()
        for parameter in (*self.gaussians.values(), self.learnt):
            parameter.grad = None
        # gsplat's strategies draw Gaussians by opacity: NaN there is an error of torch's, not a state.
        if self.density is not None and not (self.refines() and self.problem() is not None):
            self.density.after_step(self.gaussians, self.optimizers, self.step, info, self.means_lr())

    def _step_optimizers(self) -> None:
        # Without a gradient where density control has just put others in their places.
        if self.gaussians["means"].grad is not None:
            self._step_gaussians()
        if self.config.optimize_cameras:
            self._take_step(self.camera_optimizer)

    def _take_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.device.type == "cpu":
            adam_step(optimizer)
        else:
            optimizer.step()

    def _step_gaussians(self) -> None:
        before = self.gaussians["means"].detach().clone()
        for name, optimizer in self.optimizers.items():
            if self.gaussians[name].grad is None:
                # Harmonics that no picture uses yet.
                step_without_gradient(optimizer)
            else:
                self._take_step(optimizer)
        with torch.no_grad():
            means = self.gaussians["means"]
            means.copy_(torch.lerp(before, means, self.gaussians["lr_factors"]))

    def problem(self) -> str | None:
        """Why training cannot go on: what stopped being a number, or that nothing is left; None: it can.

        Waits for the device.
        """
        tensors = [*self.gaussians.values(), self.learnt]
        finite = torch.stack([torch.isfinite(t.detach()).all() for t in tensors]).all()
        failed_at, is_finite = torch.stack([self.failed_at, finite.to(self.failed_at.dtype)]).tolist()
        if failed_at:
            return f"the loss stopped being a number at iteration {failed_at}"
        if not is_finite:
            return f"a parameter stopped being a number by iteration {self.step}"
        if self.density is not None and self.density.is_exhausted(self.gaussians, self.step):
            limit = self.config.densify.prune_opacity
            return f"at iteration {self.step} no Gaussian is above splat.densify.prune_opacity={limit:g}"
        return None

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on, cloned."""
        return {
            "step": self.step,
            "gaussians": {name: p.detach().clone() for name, p in self.gaussians.items()},
            "optimizers": {name: _cloned(o.state_dict()) for name, o in self.optimizers.items()},
            "cameras": self.learnt.detach().clone(),
            "camera_optimizer": _cloned(self.camera_optimizer.state_dict()),
            "density": _cloned(self.density.state) if self.density is not None else {},
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "history": list(self.history),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.step, self.history = state["step"], list(state["history"])
        self.gaussians = parameters({name: t.to(self.device) for name, t in state["gaussians"].items()})
        self.optimizers = _optimizers(self.gaussians, self.config, self.extent)
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(_cloned(state["optimizers"][name]))
        with torch.no_grad():
            self.learnt.copy_(state["cameras"])
        self.camera_optimizer.load_state_dict(_cloned(state["camera_optimizer"]))
        if self.density is not None:
            self.density.state = _cloned(state["density"], self.device)
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)
        self.failed_at.zero_()


def _cloned(value: Any, device: torch.device | None = None) -> Any:
    """A copy that shares no tensor, on a device or where it was."""
    if isinstance(value, Tensor):
        return value.detach().clone() if device is None else value.detach().to(device, copy=True)
    if isinstance(value, dict):
        return {k: _cloned(v, device) for k, v in value.items()}
    if isinstance(value, list):
        return [_cloned(v, device) for v in value]
    return value
