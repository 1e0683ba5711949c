"""The estimate of memory: what does not fit is refused, and what is advised fits."""

import re

import pytest
import torch

from hw4.models.base import NoRoom
from hw4.models.dust3r import budget
from hw4.models.dust3r.budget import (
    BYTES_PER_HALF_POINT,
    BYTES_PER_POINT,
    DEVICE_BESIDE,
    alignment_device,
    check_budget,
)


def complete(n: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(n) for b in range(n) if a != b]


def window(n: int, k: int) -> list[tuple[int, int]]:
    one_way = {(a, (a + step) % n) for a in range(n) for step in range(1, k + 1)}
    return [*one_way, *((b, a) for a, b in one_way)]


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    n, shape, size = 100, (288, 512), BYTES_PER_POINT
    monkeypatch.setattr(budget, "free_bytes", lambda: 16 * 10**9)
    needed = size * 9900 * 2 * 288 * 512 / 1e9
    with pytest.raises(NoRoom, match=f"9900 pairs of 100 views need about {needed:.1f} GB") as told:
        check_budget([shape] * n, complete(n), size)
    k, views = map(int, re.findall(r"swin-(\d+), or at most (\d+) views", str(told.value))[0])
    check_budget([shape] * n, window(n, k), size)
    check_budget([shape] * views, complete(views), size)
    with pytest.raises(NoRoom):
        check_budget([shape] * n, window(n, k + 1), size)
    with pytest.raises(NoRoom):
        check_budget([shape] * (views + 1), complete(views + 1), size)


def test_half_precision_is_advised_where_it_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    n, shape = 32, (288, 512)
    points = n * (n - 1) * 2 * shape[0] * shape[1]
    monkeypatch.setattr(budget, "free_bytes", lambda: BYTES_PER_HALF_POINT * points)
    with pytest.raises(NoRoom, match=r"swin-\d+, model.alignment.precision=float16, or at most"):
        check_budget([shape] * n, complete(n), BYTES_PER_POINT)
    check_budget([shape] * n, complete(n), BYTES_PER_HALF_POINT)


def test_the_alignment_goes_to_the_cpu_where_the_gpu_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (DEVICE_BESIDE + 100, 2 * DEVICE_BESIDE))
    assert alignment_device(gpu, 100) == gpu and alignment_device(gpu, 101) == cpu
    assert alignment_device(cpu, 10**12) == cpu


def test_the_last_byte_counts_and_a_silent_system_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = BYTES_PER_POINT * 2 * (12 + 20)
    shapes, edges = [(3, 4), (4, 5)], [(0, 1), (1, 0)]
    for free, refused in ((needed, False), (needed - 1, True), (None, False)):
        monkeypatch.setattr(budget, "free_bytes", lambda free=free: free)
        if refused:
            with pytest.raises(NoRoom, match="a smaller model.image_size"):
                check_budget(shapes, edges, BYTES_PER_POINT)
        else:
            check_budget(shapes, edges, BYTES_PER_POINT)
