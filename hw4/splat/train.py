"""Training of Gaussians on a few views (Kerbl et al. 2023; sparse views after InstantSplat)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter, ParameterDict

from hw4.config import SplatConfig
from hw4.data.scenes import TrainScene
from hw4.errors import UserError
from hw4.splat.cameras import corrected, scene_extent
from hw4.splat.checkpoint import load_checkpoint, run_digest, save_checkpoint
from hw4.splat.densify import density_control
from hw4.splat.gaussians import TRAINED, parameters, render_gaussians
from hw4.splat.init import Initialisation, clone
from hw4.splat.losses import depth_loss, psnr, ssim
from hw4.splat.rasterize import resolve_rasterizer

CHECKPOINT = "checkpoint.pt"
BACKGROUNDS = {"black": 0.0, "white": 1.0}

OnMetrics = Callable[[int, dict[str, float]], None]
OnImage = Callable[[int, str, np.ndarray], None]
OnProgress = Callable[[int, int, str], None]


@dataclass
class TrainResult:
    """A finished (or stopped) training run.

    Attributes:
        gaussians: the parameters.
        cam_from_world: (N, 4, 4) float64 training cameras, corrected where they were optimised.
        steps: iterations done.
        stopped: why training ended early, or None.
        seconds: time of training, without the steps of an earlier run that was resumed.
        resumed_at: iteration at which an earlier run was taken up, or 0.
        history: one record of metrics per logged iteration.
    """

    gaussians: ParameterDict
    cam_from_world: np.ndarray
    steps: int
    stopped: str | None
    seconds: float
    resumed_at: int
    history: list[dict[str, float]] = field(default_factory=list)


def means_lr(config: SplatConfig, step: int, extent: float) -> float:
    """Position learning rate at a step: exponential decay, scaled by the scene's extent (DESIGN §7)."""
    t = min(step / config.lr_decay_steps, 1.0)
    return config.lr * extent * config.lr_final_factor**t


def _optimizers(
    gaussians: ParameterDict, config: SplatConfig, extent: float
) -> dict[str, torch.optim.Optimizer]:
    rates = {
        "means": means_lr(config, 0, extent),
        "scales": config.scale_lr,
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
    return int(np.random.default_rng([seed, 17, turn]).permutation(n_views)[place])


class _Run:
    """State of one training run; everything in it goes into the checkpoint."""

    def __init__(self, scene: TrainScene, init: Initialisation, config: SplatConfig) -> None:
        on_cuda = resolve_rasterizer(config.rasterizer) == "gsplat"
        self.device = torch.device("cuda" if on_cuda else "cpu")
        self.config = config
        self.extent = scene_extent(init.cam_from_world)
        self.images = [torch.from_numpy(scene.images[v]).to(self.device).float() / 255 for v in init.views]
        self.viewmats = torch.tensor(init.cam_from_world, dtype=torch.float32, device=self.device)
        self.Ks = torch.tensor(init.Ks, dtype=torch.float32, device=self.device)
        self.depths = None
        if config.depth_weight > 0:
            if init.depths is None:
                raise UserError(
                    "splat.depth_weight needs a model's depth: use splat.init.source=model with dust3r or "
                    "vggt."
                )
            self.depths = [torch.from_numpy(depth).to(self.device) for depth in init.depths]
        self.gaussians = clone(init.gaussians).to(self.device)
        self.optimizers = _optimizers(self.gaussians, config, self.extent)
        self.deltas = Parameter(torch.zeros(len(self.viewmats), 6, device=self.device))
        self.camera_optimizer = torch.optim.Adam([self.deltas], lr=config.camera_lr, eps=1e-15)
        self.density = density_control(config.densify, self.extent)
        self.step = 0
        self.history: list[dict[str, float]] = []

    def cameras(self) -> Tensor:
        """(N, 4, 4) training cameras as they stand."""
        return corrected(self.viewmats, self.deltas, self.extent)

    def background(self) -> Tensor:
        """(1, 3) colour behind the Gaussians in this step."""
        if self.config.background == "random":
            return torch.rand(1, 3).to(self.device)
        return torch.full((1, 3), BACKGROUNDS[self.config.background], device=self.device)

    def sh_degree(self) -> int:
        """SH degree in use at this step."""
        return min(self.config.sh_degree, self.step // self.config.sh_every)

    def render(
        self, view: int, background: Tensor, mode: str = "RGB"
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Image (H, W, X), alpha (H, W) and info of a training view."""
        height, width = self.images[view].shape[:2]
        delta = self.deltas[view : view + 1]
        if not self.config.optimize_cameras:
            delta = delta.detach()
        viewmats = corrected(self.viewmats[view : view + 1], delta, self.extent)
        colors, alphas, info = render_gaussians(
            self.gaussians,
            viewmats,
            self.Ks[view : view + 1],
            width,
            height,
            sh_degree=self.sh_degree(),
            backgrounds=background,
            render_mode=mode,
        )
        return colors[0], alphas[0, ..., 0], info

    def advance(self) -> dict[str, float]:
        """One iteration; returns its losses."""
        config = self.config
        self.step += 1
        lr = means_lr(config, self.step, self.extent)
        self.optimizers["means"].param_groups[0]["lr"] = lr
        view = view_order(len(self.images), config.seed, self.step)
        target = self.images[view]
        rendered, alpha, info = self.render(view, self.background(), "RGB+ED" if self.depths else "RGB")
        image = rendered[..., :3]
        l1, similarity = (image - target).abs().mean(), ssim(image, target)
        loss = (1 - config.ssim_weight) * l1 + config.ssim_weight * (1 - similarity)
        if self.depths is not None:
            loss = loss + config.depth_weight * depth_loss(rendered[..., 3], alpha, self.depths[view])
        losses = {"loss": loss.item(), "l1": l1.item(), "ssim": similarity.item()}
        losses["psnr_train"] = psnr(image.detach(), target).item()
        if not math.isfinite(losses["loss"]):
            return losses
        if self.density is not None:
            self.density.before_backward(self.gaussians, self.optimizers, self.step, info)
        loss.backward()
        self._update(lr, info)
        return {**losses, "n_gaussians": len(self.gaussians["means"]), "lr_means": lr}

    def _update(self, lr: float, info: dict[str, Any]) -> None:
        before = self.gaussians["means"].detach().clone()
        for optimizer in self.optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            means = self.gaussians["means"]
            means.copy_(torch.lerp(before, means, self.gaussians["lr_factors"]))
        if self.config.optimize_cameras:
            self.camera_optimizer.step()
        self.camera_optimizer.zero_grad(set_to_none=True)
        if self.density is not None:
            self.density.after_step(self.gaussians, self.optimizers, self.step, info, lr)

    def is_finite(self) -> bool:
        """Whether every parameter is a number."""
        tensors = [*self.gaussians.values(), self.deltas]
        return all(bool(torch.isfinite(t).all()) for t in tensors)

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on, cloned."""
        return {
            "step": self.step,
            "gaussians": {name: p.detach().clone() for name, p in self.gaussians.items()},
            "optimizers": {name: _cloned(o.state_dict()) for name, o in self.optimizers.items()},
            "deltas": self.deltas.detach().clone(),
            "camera_optimizer": _cloned(self.camera_optimizer.state_dict()),
            "density": _cloned(self.density.state) if self.density is not None else {},
            "rng": torch.get_rng_state(),
            "history": list(self.history),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.step, self.history = state["step"], list(state["history"])
        self.gaussians = parameters(dict(state["gaussians"])).to(self.device)
        self.optimizers = _optimizers(self.gaussians, self.config, self.extent)
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(_cloned(state["optimizers"][name]))
        with torch.no_grad():
            self.deltas.copy_(state["deltas"])
        self.camera_optimizer.load_state_dict(_cloned(state["camera_optimizer"]))
        if self.density is not None:
            self.density.state = _cloned(state["density"])
        torch.set_rng_state(state["rng"])


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {k: _cloned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_cloned(v) for v in value]
    return value


def train(
    scene: TrainScene,
    init: Initialisation,
    config: SplatConfig,
    out_dir: Path,
    on_metrics: OnMetrics | None = None,
    on_image: OnImage | None = None,
    progress: OnProgress | None = None,
) -> TrainResult:
    """Train Gaussians, taking up a checkpoint of the same run in `out_dir` where there is one.

    An interrupted and resumed run gives bit for bit what an uninterrupted one gives on the same machine.
    Where the loss or a parameter stops being a number, training ends with the last good state.

    Args:
        scene: training images (and nothing of the test images).
        init: first Gaussians and cameras.
        config: `splat=` group.
        out_dir: keeps ``checkpoint.pt``.
        on_metrics: called every `log_every` steps with the step and its metrics.
        on_image: called every `render_every` steps with a render of the first training view, uint8.
        progress: called after every step with (step, iterations, one line of state).

    Raises:
        UserError: the rasterizer cannot run here, a file cannot be written, or the checkpoint is damaged.
    """
    cuda_devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=cuda_devices):
        torch.manual_seed(config.seed)
        run = _Run(scene, init, config)
        digest = run_digest(config, init, [scene.images[v] for v in init.views])
        path = out_dir / CHECKPOINT
        saved = load_checkpoint(path, digest)
        if saved is not None and saved["step"] <= config.iterations:
            run.restore(saved)
        resumed_at, started = run.step, time.perf_counter()
        good, stopped = run.state(), None
        while run.step < config.iterations:
            metrics = run.advance()
            last = run.step == config.iterations
            checks = last or run.step % config.checkpoint_every == 0
            if not math.isfinite(metrics["loss"]) or (checks and not run.is_finite()):
                stopped = (
                    f"the loss or a parameter stopped being a number at iteration {run.step}; the state of "
                    f"iteration {good['step']} is kept"
                )
                run.restore(good)
                break
            if last or run.step % config.log_every == 0:
                record = {"step": run.step, **metrics, "sh_degree": run.sh_degree()}
                run.history.append(record)
                if on_metrics is not None:
                    on_metrics(run.step, {k: v for k, v in record.items() if k != "step"})
            if checks:
                good = run.state()
                save_checkpoint(path, {"digest": digest, **good})
            if on_image is not None and (last or run.step % config.render_every == 0):
                with torch.no_grad():
                    image = run.render(0, run.background())[0]
                on_image(run.step, "train_view", to_uint8(image))
            if progress is not None:
                state = f"loss {metrics['loss']:.4f}, PSNR {metrics['psnr_train']:.1f} dB, "
                progress(run.step, config.iterations, f"{state}{len(run.gaussians['means'])} Gaussians")
        cameras = run.cameras().detach().cpu().double().numpy()
        seconds = time.perf_counter() - started
        return TrainResult(run.gaussians.cpu(), cameras, run.step, stopped, seconds, resumed_at, run.history)


def to_uint8(image: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of an image in [0, 1]."""
    return (image.detach().clamp(0, 1) * 255).round().byte().cpu().numpy()
