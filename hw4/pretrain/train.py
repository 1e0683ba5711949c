"""The training loop: AdamW, warm-up and cosine, EMA, clipping, resumable checkpoints."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hw4.config import PretrainConfig
from hw4.durable import JsonlLog
from hw4.errors import UserError
from hw4.models.tiny import build_tiny_dust3r, build_tiny_vggt
from hw4.pretrain.batches import stream
from hw4.pretrain.losses import dust3r_loss, vggt_loss
from hw4.pretrain.validate import validate, validation_views

BUILDERS = {"dust3r": build_tiny_dust3r, "vggt": build_tiny_vggt}
LOSSES = {"dust3r": dust3r_loss, "vggt": vggt_loss}
OnMetrics = Callable[[int, dict[str, float]], None]


@dataclass
class PretrainState:
    """Everything that a resumed training needs."""

    model: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class PretrainResult:
    """A finished (or paused) training: `ema` holds the weights to ship."""

    name: str
    ema: nn.Module
    steps: int
    seconds: float
    validation: dict[str, float]


def learning_rate(config: PretrainConfig, step: int, seconds: float) -> float:
    """Linear warm-up, then cosine to 1 % over the steps, or over `minutes` of training if that ends first."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = step / config.steps
    if config.minutes is not None:
        done = max(done, seconds / (60 * config.minutes))
    return config.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def new_state(name: str, config: PretrainConfig, device: torch.device) -> PretrainState:
    """Freshly initialised network, EMA copy and optimiser."""
    torch.manual_seed(config.seed)
    model = BUILDERS[name]().to(device)
    ema = BUILDERS[name]().to(device)
    ema.load_state_dict(model.state_dict())
    for parameter in ema.parameters():
        parameter.requires_grad_(False)
    # eval() everywhere: neither network has dropout, and VGGT's train() would recompute activations.
    model.eval()
    ema.eval()
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return PretrainState(model, ema, torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.95)))


def save_checkpoint(path: Path, state: PretrainState) -> None:
    """Write the state atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "model": state.model.state_dict(),
        "ema": state.ema.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
    }
    temporary = path.with_suffix(".tmp")
    try:
        torch.save(content, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        raise UserError(f"cannot write the checkpoint {path}: {error}; free some space.") from error


def load_checkpoint(path: Path, state: PretrainState) -> None:
    """Read a state written by `save_checkpoint`.

    Raises:
        UserError: the file is damaged or belongs to another network.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state.model.load_state_dict(content["model"])
        state.ema.load_state_dict(content["ema"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.step, state.seconds = content["step"], content["seconds"]
    except Exception as error:
        raise UserError(f"cannot resume from {path}: {error}; delete it to start again.") from error


def train_step(name: str, state: PretrainState, views: Any, config: PretrainConfig) -> dict[str, float]:
    """One optimiser step and EMA update; returns the loss and its parts."""
    rate = learning_rate(config, state.step, state.seconds)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    device = next(state.model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        loss, parts = LOSSES[name](state.model, views.to(device))
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(state.model.parameters(), config.grad_clip)
    if torch.isfinite(norm):
        state.optimizer.step()
    keep = min(config.ema, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for average, value in zip(state.ema.parameters(), state.model.parameters(), strict=True):
            average.lerp_(value, 1 - keep)
    state.step += 1
    return {"loss": float(loss.detach()), "lr": rate, "grad_norm": float(norm), **parts}


def run_pretrain(
    name: str,
    config: PretrainConfig,
    out_dir: Path,
    device: str = "cpu",
    on_metrics: OnMetrics | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PretrainResult:
    """Train the small `dust3r` or `vggt`; a killed call continues from its last checkpoint.

    Args:
        name: which network.
        config: steps, batch, rates.
        out_dir: receives ``checkpoint.pt`` and ``metrics.jsonl``.
        device: torch device.
        on_metrics: receives step and scalars.
        progress: receives step and total.

    Raises:
        UserError: a damaged checkpoint, or the disk is full.
    """
    state = new_state(name, config, torch.device(device))
    checkpoint = out_dir / "checkpoint.pt"
    if checkpoint.exists():
        load_checkpoint(checkpoint, state)
    log = JsonlLog(out_dir / "metrics.jsonl")
    held_out = validation_views(config.validation_scenes)
    batches = stream(config.seed, config.batch_size, config.views, state.step, config.workers)
    latest: dict[str, float] = {}
    last = time.perf_counter()

    def out_of_time() -> bool:
        return config.minutes is not None and state.seconds >= 60 * config.minutes

    while state.step < config.steps and not out_of_time():
        metrics = train_step(name, state, next(batches), config)
        now = time.perf_counter()
        state.seconds += now - last
        last = now
        finished = state.step == config.steps or out_of_time()
        if state.step % config.validate_every == 0 or finished:
            latest = {f"val/{k}": v for k, v in asdict(validate(name, state.ema, held_out)).items()}
            metrics |= latest
        if state.step % 50 == 0 or finished:
            log.append({"step": state.step, "seconds": state.seconds, **metrics})
            if on_metrics:
                on_metrics(state.step, metrics)
        if state.step % config.checkpoint_every == 0 or finished:
            save_checkpoint(checkpoint, state)
        if progress:
            progress(state.step, config.steps)
    if not latest:
        latest = {f"val/{k}": v for k, v in asdict(validate(name, state.ema, held_out)).items()}
    return PretrainResult(name, state.ema, state.step, state.seconds, latest)
