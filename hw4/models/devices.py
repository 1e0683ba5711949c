"""Where and in which precision a network runs."""

import contextlib
from collections.abc import Iterator

import torch

from hw4.config.model import NetworkConfig
from hw4.errors import UserError


def pick_device(config: NetworkConfig) -> torch.device:
    """``auto``: the GPU where there is one.

    Raises:
        UserError: CUDA is asked for and absent.
    """
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise UserError(
            "model.device=cuda, but torch finds no CUDA GPU on this machine; use model.device=auto or cpu."
        )
    return torch.device("cuda" if available and config.device != "cpu" else "cpu")


def pick_dtype(config: NetworkConfig, device: torch.device) -> torch.dtype:
    """Precision of the network's forward pass.

    ``auto`` is what upstream runs: float32 for DUSt3R; for VGGT bfloat16 on GPUs that have it, else float32.
    """
    if config.dtype != "auto":
        return torch.bfloat16 if config.dtype == "bfloat16" else torch.float32
    fast = config.name == "vggt" and device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


@contextlib.contextmanager
def precision(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Autocast to `dtype`; nothing for float32."""
    with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        yield


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with torch's generators seeded, and put them back afterwards."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
