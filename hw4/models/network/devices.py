"""Where and in which precision a network runs."""

import contextlib
import functools
from collections.abc import Iterator, Mapping

import torch

from hw4.config.model import INT8, NetworkConfig
from hw4.core.errors import UserError
from hw4.models.network.upstream import replaced


def pick_device(config: NetworkConfig) -> torch.device:
    """``auto``: the GPU where there is one.

    Raises:
        UserError: the device that is asked for is absent.
    """
    wanted = config.device
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return torch.device("cuda" if n_cuda else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and not n_cuda:
        raise UserError(
            f"model.device={wanted}, but torch finds no CUDA GPU on this machine; use model.device=auto or "
            "cpu."
        )
    if device.type == "cuda" and (device.index or 0) >= n_cuda:
        raise UserError(f"model.device={wanted}, but the last of {n_cuda} GPUs here is cuda:{n_cuda - 1}.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("model.device=mps, but torch finds no Apple GPU here; use model.device=auto or cpu.")
    return device


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that a device computes in: cards before Ampere only emulate bfloat16, slowly."""
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def pick_dtype(config: NetworkConfig, device: torch.device, fast: bool = False) -> torch.dtype:
    """Precision of the network's forward pass.

    Args:
        config: says ``auto`` or which; of ``int8``, all but the linear layers is in float32 (see `reduced`).
        device: where it runs.
        fast: ``auto`` is `half_precision` where there is one, as upstream runs some networks; else float32.

    Raises:
        UserError: ``int8`` on a device that is no CPU.
    """
    if config.dtype == INT8:
        if device.type != "cpu":
            raise UserError(
                f"model.dtype={INT8} is for a CPU, and this machine's {device.type} device was taken; use "
                "model.dtype=bfloat16, or model.device=cpu."
            )
        return torch.float32
    if config.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.dtype]
    return (half_precision(device) if fast else None) or torch.float32


def per_device(limits: Mapping[str, int], device: torch.device) -> int:
    """How much goes to a device at once: any GPU takes what CUDA's do."""
    return limits["cpu" if device.type == "cpu" else "cuda"]


@contextlib.contextmanager
def tf32(device: torch.device) -> Iterator[None]:
    """Matrix products of float32 in TF32, as upstream's programs run some networks; nothing without CUDA."""
    before = torch.backends.cuda.matmul.allow_tf32
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@contextlib.contextmanager
def precision(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Autocast to `dtype`; nothing for float32.

    Upstream keeps its heads in float32 by ``torch.cuda.amp.autocast(enabled=False)``; while this is open,
    that speaks of `device`, so that the heads' precision does not depend on where they run.
    """
    of_device = functools.partial(torch.autocast, device.type)
    with (
        torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32),
        replaced(torch.cuda.amp, autocast=of_device),
    ):
        yield


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with torch's generators seeded, and put them back afterwards."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
