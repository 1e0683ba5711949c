"""Memory: the peak of a part of the program, and what is left."""

import contextlib
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


@dataclass
class PeakMemory:
    """Filled when the block of `peak_memory` ends.

    Attributes:
        host_bytes: the process's largest resident size, its libraries included; None where the system does
            not tell.
        since_start: whether that is the peak since the process began, because the system cannot start anew.
        cuda_bytes: largest sum of tensors on the current GPU; None without one.
    """

    host_bytes: int | None = None
    since_start: bool = False
    cuda_bytes: int | None = None

    def __str__(self) -> str:
        host = "unknown" if self.host_bytes is None else f"{self.host_bytes / 2**20:.0f} MB"
        since = " since the start" if self.since_start else ""
        cuda = "" if self.cuda_bytes is None else f", {self.cuda_bytes / 2**20:.0f} MB on the GPU"
        return f"{host}{since}{cuda}"


def _host_peak() -> int | None:
    """Linux's high-water mark, which can be reset; elsewhere the process's."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    # Kilobytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _reset_host_peak() -> bool:
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _cuda() -> bool:
    # A stage that has not imported torch has nothing on a GPU, and should not wait for the import.
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized()


@contextlib.contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Measure the peak memory of the block: ``with peak_memory() as peak: ...; print(peak)``."""
    peak = PeakMemory(since_start=not _reset_host_peak())
    if _cuda():
        sys.modules["torch"].cuda.reset_peak_memory_stats()
    try:
        yield peak
    finally:
        peak.host_bytes = _host_peak()
        if _cuda():
            peak.cuda_bytes = sys.modules["torch"].cuda.max_memory_allocated()


def free_bytes() -> int | None:
    """Memory that the process may still take: the system's, or less where its group is limited.

    None where the system does not tell. Source: ``MemAvailable`` of Linux and control groups, version 2.
    """
    free = [_free_of_system(), _free_of_group()]
    known = [value for value in free if value is not None]
    return min(known) if known else None


def _free_of_system() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _free_of_group() -> int | None:
    try:
        limit, used = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return max(0, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else None
