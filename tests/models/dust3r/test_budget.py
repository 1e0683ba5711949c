"""The estimate of memory: what does not fit is refused, and what is advised fits."""

import re

import pytest

from hw4.models.base import ReconstructionFailed
from hw4.models.dust3r import budget
from hw4.models.dust3r.budget import BYTES_PER_POINT, check_budget


def complete(n: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(n) for b in range(n) if a != b]


def window(n: int, k: int) -> list[tuple[int, int]]:
    one_way = {(a, (a + step) % n) for a in range(n) for step in range(1, k + 1)}
    return [*one_way, *((b, a) for a, b in one_way)]


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    n, shape = 100, (288, 512)
    monkeypatch.setattr(budget, "free_bytes", lambda: 16 * 10**9)
    with pytest.raises(ReconstructionFailed, match=r"9900 pairs of 100 views need about 99\.\d GB") as told:
        check_budget([shape] * n, complete(n))
    k, views = map(int, re.findall(r"swin-(\d+).*at most (\d+) views", str(told.value))[0])
    check_budget([shape] * n, window(n, k))
    check_budget([shape] * views, complete(views))
    with pytest.raises(ReconstructionFailed):
        check_budget([shape] * n, window(n, k + 1))
    with pytest.raises(ReconstructionFailed):
        check_budget([shape] * (views + 1), complete(views + 1))


def test_the_last_byte_counts_and_a_silent_system_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = BYTES_PER_POINT * 2 * (12 + 20)
    shapes, edges = [(3, 4), (4, 5)], [(0, 1), (1, 0)]
    for free, refused in ((needed, False), (needed - 1, True), (None, False)):
        monkeypatch.setattr(budget, "free_bytes", lambda free=free: free)
        if refused:
            with pytest.raises(ReconstructionFailed, match="a smaller model.image_size"):
                check_budget(shapes, edges)
        else:
            check_budget(shapes, edges)
