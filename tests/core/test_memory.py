"""Peak memory is that of the block, not of what came before."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hw4.core import memory
from hw4.core.memory import peak_memory

MB = 2**20


def fill(megabytes: int) -> None:
    np.ones(megabytes * MB, np.uint8).sum()


def test_an_earlier_peak_does_not_count() -> None:
    with peak_memory() as large:
        fill(300)
    with peak_memory() as small:
        fill(20)
    assert large.host_bytes is not None and small.host_bytes is not None
    if large.since_start:
        pytest.skip("this system cannot reset the high-water mark")
    assert 200 * MB < large.host_bytes - small.host_bytes < 400 * MB


def test_a_failing_block_has_a_peak() -> None:
    with pytest.raises(RuntimeError), peak_memory() as peak:
        raise RuntimeError
    assert peak.host_bytes is not None and peak.host_bytes > MB


def test_where_the_mark_cannot_be_reset_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_RESET", tmp_path / "no" / "file")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "nor" / "this")
    with peak_memory() as peak:
        pass
    assert peak.since_start and "MB since the start" in str(peak) and peak.host_bytes is not None


def test_the_gpu_counts_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        reset_peak_memory_stats=lambda: said.append("reset"),
        max_memory_allocated=lambda: 7 * MB,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    with peak_memory() as peak:
        assert said == ["reset"]
    assert peak.cuda_bytes == 7 * MB and str(peak).endswith(", 7 MB on the GPU")


def test_free_memory_is_the_smaller_of_the_systems_and_the_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo, group = tmp_path / "meminfo", tmp_path / "group"
    monkeypatch.setattr(memory, "_MEMINFO", meminfo)
    monkeypatch.setattr(memory, "_GROUP", group)
    assert memory.free_bytes() is None
    meminfo.write_text("MemTotal: 900 kB\nMemAvailable:   500 kB\n")
    assert memory.free_bytes() == 500 * 1024
    group.mkdir()
    (group / "memory.current").write_text("1000\n")
    for limit, free in (("max", 500 * 1024), ("3000", 2000), ("10", 0)):
        (group / "memory.max").write_text(f"{limit}\n")
        assert memory.free_bytes() == free
