"""Time of the CPU rasterizer, forward and backward, against plain PyTorch autograd in the same run.

    python benchmarks/rasterize.py [--quick]

The scene is a surface of overlapping Gaussians, about as many per pixel as a trained model has: their size
follows their spacing. Times are the best of several repetitions. The reference renders in blocks of pixels,
each with the Gaussians that can touch it, and the fastest of several block sizes counts.
"""

import os

# torch's OpenMP threads that spin while waiting take the cores of the kernels' threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import torch
from numba import njit
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hw4.splat.rasterize import binning, functions, rasterize
from hw4.splat.rasterize.threads import spread
from tests.reference_rasterizer import reference_gradients

SIZES = [(160, 120), (320, 240), (640, 480)]
COUNTS = [10_000, 50_000, 200_000]
BLOCKS = [(8, 8), (16, 16), (32, 32)]
SH_DEGREE = 3
PHASES = {
    "project": ["project_forward", "project_backward"],
    "SH": ["colors_forward", "colors_backward"],
    "sort+tiles": ["depth_order", "pack", "tile_lists", "tile_schedule"],
    "blend fwd": ["blend_forward"],
    "blend bwd": ["blend_backward", "gather_gradients"],
}
# What the rasterizer calls without `spread`.
PLAIN = [(binning, "depth_order"), (binning, "tile_lists"), (binning, "tile_schedule")]


def surface(n: int, width: int, height: int, seed: int = 0) -> dict[str, Tensor]:
    """N Gaussians over the whole view, 2 to 6 units away, sized after their spacing."""
    g = torch.Generator().manual_seed(seed)
    depth = 2 + 4 * torch.rand(n, generator=g)
    focal = 0.9 * width
    reach = torch.tensor([width / focal, height / focal])
    xy = (torch.rand(n, 2, generator=g) - 0.5) * 1.1 * reach * depth[:, None]
    spacing = (width * height / n) ** 0.5 / focal * depth
    return {
        "means": torch.cat([xy, depth[:, None]], 1),
        "quats": torch.randn(n, 4, generator=g),
        "scales": 0.8 * spacing[:, None] * torch.exp(0.5 * torch.randn(n, 3, generator=g)),
        "opacities": torch.sigmoid(1.5 * torch.randn(n, generator=g)),
        "colors": 0.2 * torch.randn(n, 16, 3, generator=g),
        "viewmats": torch.eye(4)[None],
        "Ks": torch.tensor([[[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]]),
    }


def leaves(scene: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: v.clone().requires_grad_(name != "Ks") for name, v in scene.items()}


def time_ours(scene: dict[str, Tensor], width: int, height: int, repeats: int) -> tuple[float, float, int]:
    """Best (forward, backward) in seconds and the number of (Gaussian, tile) pairs."""
    ours = leaves(scene)
    v_colors = torch.randn(1, height, width, 3, generator=torch.Generator().manual_seed(1))
    best = (float("inf"), float("inf"))
    pairs = 0
    for _ in range(repeats):
        for value in ours.values():
            value.grad = None
        start = time.perf_counter()
        colors, _, info = rasterize(**ours, width=width, height=height, sh_degree=SH_DEGREE, rasterizer="cpu")
        middle = time.perf_counter()
        colors.backward(v_colors)
        end = time.perf_counter()
        best = min(best, (middle - start, end - middle), key=sum)
        pairs = info["n_isects"]
    return *best, pairs


def time_reference(scene: dict[str, Tensor], width: int, height: int, blocks: list[tuple[int, int]]) -> float:
    """Best seconds of forward and backward over the block sizes."""
    v_colors = torch.randn(height, width, 3, generator=torch.Generator().manual_seed(1))
    best = float("inf")
    for block in blocks:
        theirs = leaves(scene)
        start = time.perf_counter()
        reference_gradients(theirs, v_colors, block, sh_degree=SH_DEGREE)
        best = min(best, time.perf_counter() - start)
    return best


def phase_times(scene: dict[str, Tensor], width: int, height: int, repeats: int) -> dict[str, float]:
    """Seconds per phase, best of `repeats` for each kernel; ``rest`` is torch, allocation and Python."""
    spent: dict[str, list[float]] = {}
    originals = [(module, name, getattr(module, name)) for module, name in PLAIN]

    def timed(name: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = function(*args, **options)
        spent.setdefault(name, []).append(time.perf_counter() - start)
        return result

    def timed_spread(kernel: Callable[..., None], *args: Any, **options: Any) -> None:
        timed(kernel.__name__, spread, kernel, *args, **options)

    for module, name, function in originals:
        setattr(module, name, partial(timed, name, function))
    functions.spread = timed_spread
    try:
        forward, backward, _ = time_ours(scene, width, height, repeats)
    finally:
        for module, name, function in originals:
            setattr(module, name, function)
        functions.spread = spread
    phases = {phase: sum(min(spent[name]) for name in kernels) for phase, kernels in PHASES.items()}
    phases["rest"] = max(0.0, forward + backward - sum(phases.values()))
    return phases


@njit(nogil=True, fastmath=True)
def _spin(first: int, stop: int, length: int, totals: np.ndarray) -> None:
    for job in range(first, stop):
        x = 1.0 + job
        for _ in range(length):
            x = x * 0.999999 + 1e-6
        totals[job] = x


def machine_ceiling(threads: int) -> float:
    """Speed-up of arithmetic that shares nothing: what `threads` threads could reach on this machine now."""
    times = {}
    totals = np.empty(8 * threads)
    for count in (1, threads):
        torch.set_num_threads(count)
        spread(_spin, 8 * threads, 1000, totals)
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            spread(_spin, 8 * threads, 2_000_000 // threads, totals)
            best = min(best, time.perf_counter() - start)
        times[count] = best
    return times[1] / times[threads]


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small cells only, about half a minute")
    parser.add_argument("--no-reference", action="store_true", help="skip the PyTorch reference")
    args = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    time_ours(surface(1000, 64, 64), 64, 64, 1)
    print(f"CPU: {cpu_name()}, {os.cpu_count()} cores, {threads} threads; {platform.platform()}")
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, numba {numba.__version__}, "
        f"llvmlite {llvmlite.__version__}, numpy {np.__version__}"
    )
    load = os.getloadavg()[0]
    print(
        f"load average at start: {load:.2f}"
        + (" - the machine is busy, times are upper bounds" * (load > 0.5))
    )

    counts = COUNTS[:1] if args.quick else COUNTS
    sizes = SIZES[:2] if args.quick else SIZES
    repeats = 5 if args.quick else 10
    print("\nForward + backward, one image, SH degree 3, float32")
    print(f"{'Gaussians':>9} {'image':>8} {'pairs':>8} {'fwd ms':>8} {'bwd ms':>8} {'both':>8}", end="")
    print(f" {'PyTorch ms':>10} {'ratio':>6}  share of time")
    for n in counts:
        for width, height in sizes:
            scene = surface(n, width, height)
            forward, backward, pairs = time_ours(scene, width, height, repeats)
            both = forward + backward
            print(f"{n:9d} {width:4d}x{height:<3d} {pairs:8d}", end="")
            print(f" {forward * 1e3:8.1f} {backward * 1e3:8.1f} {both * 1e3:8.1f}", end="", flush=True)
            if args.no_reference:
                print(f" {'-':>10} {'-':>6}", end="")
            else:
                # The block size matters little on large images: there, only the usual winner is timed.
                blocks = BLOCKS if n * width <= 10_000 * 320 else BLOCKS[1:2]
                reference = time_reference(scene, width, height, blocks)
                print(f" {reference * 1e3:10.0f} {reference / both:6.0f}", end="", flush=True)
            phases = phase_times(scene, width, height, repeats)
            total = sum(phases.values())
            print("  " + ", ".join(f"{k} {100 * v / total:.0f}%" for k, v in phases.items()), flush=True)

    print("\nThreads (efficiency = speed-up / threads; the ceiling is arithmetic that shares nothing)")
    for n, (width, height) in (
        [(10_000, SIZES[0])] if args.quick else [(50_000, SIZES[1]), (200_000, SIZES[2])]
    ):
        scene = surface(n, width, height)
        single = 0.0
        for count in sorted({1, *(2**k for k in range(1, 8) if 2**k <= threads), threads}):
            ceiling = machine_ceiling(count) if count > 1 else 1.0
            torch.set_num_threads(count)
            both = sum(time_ours(scene, width, height, 2 * repeats)[:2])
            single = single or both
            print(
                f"{n:9d} {width:4d}x{height:<3d} {count:3d} threads {both * 1e3:8.1f} ms"
                f"  speed-up {single / both:.2f}"
                f"  efficiency {100 * single / both / count:.0f}%  ceiling {ceiling:.2f}"
            )


if __name__ == "__main__":
    main()
