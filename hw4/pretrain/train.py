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
from hw4.core.durable import JsonlLog
from hw4.models.network.devices import half_precision, precision
from hw4.models.network.training import Views
from hw4.models.network.upstream import quiet
from hw4.models.registry import trainable
from hw4.pretrain.batches import stream
from hw4.pretrain.checkpoint import PretrainState, cut_log, load_checkpoint, save_checkpoint
from hw4.pretrain.validate import validate, validation_views

OnMetrics = Callable[[int, dict[str, float | None]], None]


@dataclass(frozen=True)
class PretrainResult:
    """A finished (or paused) training: `ema` holds the weights to ship."""

    name: str
    ema: nn.Module
    steps: int
    seconds: float
    validation: dict[str, float | None]


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
    build = trainable(name).build
    model = build().to(device)
    ema = build().to(device)
    ema.load_state_dict(model.state_dict())
    for parameter in ema.parameters():
        parameter.requires_grad_(False)
    # eval() everywhere: dropout would be noise, and some networks' train() recomputes activations.
    model.eval()
    ema.eval()
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return PretrainState(name, model, ema, torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.95)))


def training_dtype(device: torch.device) -> torch.dtype:
    """Precision of the network's forward pass; targets and losses are float32 everywhere."""
    # float16 would need its losses scaled.
    return torch.bfloat16 if half_precision(device) == torch.bfloat16 else torch.float32


def train_step(state: PretrainState, views: Views, config: PretrainConfig) -> dict[str, float]:
    """One optimiser step and EMA update; returns the loss and its parts."""
    rate = learning_rate(config, state.step, state.seconds)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    device = next(state.model.parameters()).device

    def forward(*inputs: Any) -> Any:
        with quiet(), precision(device, training_dtype(device)):
            return state.model(*inputs)

    loss, parts = trainable(state.name).loss(forward, views.to(device))
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
    progress: Callable[[int, int, str], None] | None = None,
    resume: bool = True,
) -> PretrainResult:
    """Train the small network of a model; a killed call continues from its last checkpoint.

    Args:
        name: of a model with a network to train.
        config: steps, batch, rates.
        out_dir: receives ``checkpoint.pt`` and ``metrics.jsonl``.
        device: torch device.
        on_metrics: receives step and scalars.
        progress: receives step, total and one line about them.
        resume: False starts again, whatever lies in the folder.

    Raises:
        UserError: a checkpoint that is damaged or of another configuration, or the disk is full.
    """
    state = new_state(name, config, torch.device(device))
    checkpoint = out_dir / "checkpoint.pt"
    if resume and checkpoint.exists():
        load_checkpoint(checkpoint, state, config)
    log = JsonlLog(out_dir / "metrics.jsonl")
    cut_log(log, state.step)
    held_out = validation_views(config.validation_scenes).to(torch.device(device))
    batches = stream(config.seed, config.batch_size, config.views, state.step, config.workers)
    latest: dict[str, float | None] = {}
    last = time.perf_counter()

    def out_of_time() -> bool:
        return config.minutes is not None and state.seconds >= 60 * config.minutes

    while state.step < config.steps and not out_of_time():
        metrics: dict[str, float | None] = {**train_step(state, next(batches), config)}
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
            save_checkpoint(checkpoint, state, config)
        if progress:
            progress(state.step, config.steps, _line(metrics["loss"], latest, state.seconds))
    if not latest:
        latest = {f"val/{k}": v for k, v in asdict(validate(name, state.ema, held_out)).items()}
    return PretrainResult(name, state.ema, state.step, state.seconds, latest)


def _line(loss: float | None, latest: dict[str, float | None], seconds: float) -> str:
    rotation = latest.get("val/rotation_deg")
    validated = "" if rotation is None else f", validation {rotation:.1f}°"
    return f"loss {loss:.3f}{validated}, {seconds / 60:.1f} min"
