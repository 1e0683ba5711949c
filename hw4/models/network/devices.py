"""Where and in which precision a network runs."""

import contextlib
import functools
from collections.abc import Iterator

import torch

from hw4.config.model import NetworkConfig
from hw4.core.errors import UserError
from hw4.models.network.upstream import replaced


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


def pick_dtype(config: NetworkConfig, device: torch.device, fast: bool = False) -> torch.dtype:
    """Precision of the network's forward pass.

    Args:
        config: says ``auto`` or which.
        device: where it runs.
        fast: ``auto`` is bfloat16 on GPUs that have it, as upstream runs some networks; else float32.
    """
    if config.dtype != "auto":
        return torch.bfloat16 if config.dtype == "bfloat16" else torch.float32
    has_it = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if fast and has_it else torch.float32


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
