"""Memory that a large network frees stays with the process while it is at work."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

# Of `mallopt` in glibc's <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
# What a process comes to by itself that has freed a large tensor.
_USUAL = {_TRIM_THRESHOLD: 64 * 2**20, _MMAP_THRESHOLD: 32 * 2**20, _MMAP_MAX: 65536}
# A network of fewer parameters works on tensors that stay with the process anyway.
LARGE = 100_000_000


def is_large(device: torch.device, network: nn.Module) -> bool:
    """Whether `kept_heap` is worth it; ask before linear layers are quantized, which have no parameters."""
    return device.type == "cpu" and sum(parameter.numel() for parameter in network.parameters()) > LARGE


def _glibc() -> Any:
    """The library, where its allocator is at work and nobody has tuned it."""
    tuned = any(name.startswith("MALLOC_") for name in os.environ)
    if tuned or "malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return None
    with contextlib.suppress(OSError, TypeError):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim"):
            return libc
    return None


@contextlib.contextmanager
def kept_heap(wanted: bool) -> Iterator[None]:
    """While the block lasts, tensors are made of memory that others have left; see `is_large`.

    Otherwise the system takes back every large tensor and gives the next one cleared pages. What was kept
    goes back to the system when the block ends. Results are the same bits. The allocator is the process's:
    where two blocks overlap, the first to end also ends the other's gain. Nothing happens without glibc, or
    where the caller has tuned its allocator.
    """
    libc = _glibc() if wanted else None
    if libc is None:
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        for option, value in _USUAL.items():
            libc.mallopt(option, value)
        libc.malloc_trim(0)
