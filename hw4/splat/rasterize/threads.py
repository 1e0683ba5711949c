"""Kernels on plain threads.

numba's own `parallel=True` would compile every kernel two to three times over, and bring a second OpenMP pool
whose waiting threads take torch's cores.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    # By process: the threads of a parent do not exist in its forked child.
    return ThreadPoolExecutor(threads, "rasterize")


def n_threads() -> int:
    """Threads that kernels use: as many as torch."""
    return torch.get_num_threads()


def in_turn(*calls: Any) -> Callable[[int, int], None]:
    """One kernel that calls several on a part, each given as ``(kernel, *args)``: they meet the same threads
    once, and find in the cache what the one before left there.
    """

    def kernel(first: int, stop: int) -> None:
        for one, *args in calls:
            one(first, stop, *args)

    kernel.__name__ = "+".join(one.__name__ for one, *_ in calls)
    return kernel


def spread(kernel: Callable[..., None], n: int, *args: Any, per_thread: int = 1) -> None:
    """Call ``kernel(first, stop, *args)`` on parts of range(n), on as many threads as torch uses.

    Args:
        kernel: compiled with ``nogil=True``; parts must not depend on each other.
        n: number of items.
        args: passed on.
        per_thread: parts that each thread gets; more than one evens out parts of unequal cost.
    """
    threads = min(n_threads(), n)
    if threads <= 1:
        kernel(0, n, *args)
        return
    parts = min(n, per_thread * threads)
    bounds = [n * part // parts for part in range(parts + 1)]
    # Every thread, this one too, takes the next part when it is done with one.
    coming = iter(list(itertools.pairwise(bounds)))

    def work() -> None:
        for first, stop in coming:
            kernel(first, stop, *args)

    waiting = [_pool(threads - 1, os.getpid()).submit(work) for _ in range(threads - 1)]
    work()
    for future in waiting:
        future.result()
