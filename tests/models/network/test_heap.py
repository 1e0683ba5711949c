"""Freed memory stays with the process while a large network is at work, and only then."""

import ctypes
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hw4.models.network.heap import LARGE, is_large, kept_heap


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What the C library is told."""
    calls: list[tuple[int, ...]] = []
    libc = SimpleNamespace(mallopt=lambda *a: calls.append(a), malloc_trim=lambda *a: calls.append(a))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: libc)
    for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_the_allocator_is_put_back_whatever_happens(told: list[tuple[int, ...]]) -> None:
    with pytest.raises(RuntimeError), kept_heap(True):
        kept = list(told)
        raise RuntimeError
    assert kept == [(-4, 0), (-1, 2**31 - 1)]
    assert told[2:] == [(-1, 64 * 2**20), (-3, 32 * 2**20), (-4, 65536), (0,)]


@pytest.mark.parametrize(
    ("wanted", "variable", "value"),
    [(False, "HW4", ""), (True, "MALLOC_ARENA_MAX", "2"), (True, "GLIBC_TUNABLES", "glibc.malloc.check=3")],
)
def test_nothing_is_told(
    told: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch, wanted: bool, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with kept_heap(wanted):
        pass
    assert not told


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    with kept_heap(True):
        pass


def test_results_are_the_same_bits() -> None:
    x = torch.randn(2, 8, 300, 300, generator=torch.Generator().manual_seed(0))
    expected = torch.relu(x).mul(2).sum(dim=1)
    with kept_heap(True):
        assert torch.equal(torch.relu(x).mul(2).sum(dim=1), expected)


def test_a_network_is_large_on_a_cpu_alone() -> None:
    with torch.device("meta"):
        small, large = nn.Linear(10, 10), nn.Linear(1, LARGE)
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [is_large(cpu, small), is_large(cpu, large), is_large(gpu, large)] == [False, True, False]
