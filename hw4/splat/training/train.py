"""Training of Gaussians on a few views (Kerbl et al. 2023; sparse views after InstantSplat)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import ParameterDict

from hw4.config import SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.scene import TrainScene
from hw4.geometry.cameras import rigid
from hw4.models.network.room import is_no_room
from hw4.splat.start import Initialisation
from hw4.splat.training.checkpoint import load_checkpoint, run_digest, save_checkpoint
from hw4.splat.training.listeners import NOBODY, Listeners
from hw4.splat.training.log import TrainingLog
from hw4.splat.training.step import TrainingRun

CHECKPOINT = "checkpoint.pt"


@dataclass
class TrainResult:
    """A finished (or stopped) training run.

    Attributes:
        gaussians: the parameters, on the rasterizer's device.
        cam_from_world: (N, 4, 4) float64 training cameras, corrected where they were optimised.
        steps: iterations done.
        stopped: why training ended early, or None.
        seconds: time of training up to this result, with that of an earlier run that was resumed.
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


def train(
    scene: TrainScene,
    init: Initialisation,
    config: SplatConfig,
    out_dir: Path,
    listeners: Listeners = NOBODY,
) -> TrainResult:
    """Train Gaussians, taking up a checkpoint of the same run in `out_dir` where there is one.

    On the CPU an interrupted and resumed run gives bit for bit what an uninterrupted one gives on the same
    machine; gsplat's CUDA kernels add gradients up in any order, so that there even two whole runs differ in
    the last digits. Where the loss or a parameter stops being a number, or no Gaussian is left, training ends
    with the last good state.

    Args:
        scene: training images (and nothing of the test images).
        init: first Gaussians and cameras.
        config: `splat=` group.
        out_dir: keeps ``checkpoint.pt`` and ``training_views/``.
        listeners: who is told of it.

    Raises:
        UserError: the rasterizer cannot run here, a file cannot be written, or a checkpoint lacks parts.
    """
    cuda_devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=cuda_devices):
        torch.manual_seed(config.seed)
        run = TrainingRun(scene, init, config)
        masks = [scene.masks[v] for v in init.views] if scene.masks else []
        pixels = [*(scene.images[v] for v in init.views), *(mask for mask in masks if mask is not None)]
        digest = run_digest(config, init, pixels)
        path, log, progress = out_dir / CHECKPOINT, TrainingLog(out_dir, listeners), listeners.progress
        saved = load_checkpoint(path, digest)
        seconds, stopped = 0.0, None
        if saved is not None and saved["step"] <= config.iterations:
            seconds, stopped = _take_up(run, saved, path)
        resumed_at, started = run.step, time.perf_counter() - seconds
        log.forget_after(resumed_at)
        log.replay(run.history)

        def save(state: dict[str, Any]) -> None:
            nonlocal seconds
            seconds = time.perf_counter() - started
            save_checkpoint(path, {"digest": digest, "seconds": seconds, "stopped": stopped, **state})

        good, measured = run.state(), ""
        while run.step < config.iterations and stopped is None:
            with _memory_said(run):
                losses = run.advance()
            last = run.step == config.iterations
            logs = last or run.step % config.log_every == 0
            checks = last or run.step % config.checkpoint_every == 0
            if logs or checks or run.refines():
                problem = run.problem()
                if problem is not None:
                    stopped = f"{problem}; the state of iteration {good['step']} is kept"
                    run.restore(good)
                    save(good)
                    break
            # Reading the losses waits for the device: once, and not in every step.
            if logs or (progress is not None and not measured):
                values = losses.read()
                measured = f"loss {values['loss']:.4f}, PSNR {values['psnr_train']:.1f} dB at {run.step}"
            if logs:
                record = {
                    **values,
                    "n_gaussians": len(run.gaussians["means"]),
                    "lr_means": run.means_lr(),
                    "sh_degree": run.sh_degree(),
                }
                run.history.append({"step": run.step, **record})
                log.metrics(run.step, record)
            if last or run.step % config.render_every == 0:
                with torch.no_grad():
                    log.render(run.step, to_uint8(run.render(0, run.shown_background())[0]))
            if checks:
                good = run.state()
                save(good)
            if progress is not None:
                progress(run.step, config.iterations, f"{measured}, {len(run.gaussians['means'])} Gaussians")
            if listeners.state is not None:
                listeners.state(run, False)
        if listeners.state is not None:
            listeners.state(run, True)
        cameras = rigid(run.cameras().detach().cpu().numpy())
        return TrainResult(run.gaussians, cameras, run.step, stopped, seconds, resumed_at, run.history)


@contextmanager
def _memory_said(run: TrainingRun) -> Iterator[None]:
    """A full device is a sentence; the last checkpoint stays."""
    try:
        yield
    except Exception as error:
        if not is_no_room(error):
            raise
        height, width = run.images[0].shape[:2]
        raise UserError(
            f"{run.device} has no memory left at iteration {run.step}, for {len(run.gaussians['means'])} "
            f"Gaussians and photos of {width}x{height}: set splat.densify.max_gaussians or "
            "splat.init.max_points lower, or train on smaller photos."
        ) from error


def _take_up(run: TrainingRun, saved: dict[str, Any], path: Path) -> tuple[float, str | None]:
    """Restore a run; returns its seconds so far and why it ended, if it did."""
    try:
        run.restore(saved)
        return saved["seconds"], saved["stopped"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"the checkpoint {path} is incomplete ({type(error).__name__}: {error}); delete it to start this "
            "run again."
        ) from error


def to_uint8(image: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of an image in [0, 1]."""
    return (image.detach().clamp(0, 1) * 255).round().byte().cpu().numpy()
