"""DUSt3R on all pairs of N views: `hw4.models.dust3r_fast` against upstream's `inference`, in the same run.

    python benchmarks/dust3r.py [--quick]

Random weights and images, complete symmetric graph, float32, one thread. Upstream runs with batches of 1 and,
where it can, of 8; `CPU s` is the process's CPU time. At the official size a few pairs are timed: ours as
seconds per view and per pair, upstream as seconds per pair, from which the ratio for N views follows.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# In place of this folder, whose dust3r.py would hide the package.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rasterize import cpu_name
from hw4.models import dust3r_fast
from hw4.models.networks import OFFICIAL_DUST3R
from hw4.models.tiny import TINY_HEIGHT, TINY_WIDTH, build_tiny_dust3r
from hw4.models.upstream import import_dust3r_inference, import_dust3r_model, quiet

Pairs = list[tuple[int, int]]


def complete(n: int) -> Pairs:
    return [(a, b) for a in range(n) for b in range(n) if a != b]


def random_images(n: int, height: int, width: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [2 * torch.rand(3, height, width, generator=generator) - 1 for _ in range(n)]


def upstream(network: nn.Module, images: list[Tensor], pairs: Pairs, batch_size: int) -> dict[str, Any]:
    views = [
        {
            "img": image[None],
            "true_shape": np.array([image.shape[1:]], np.int32),
            "idx": i,
            "instance": str(i),
        }
        for i, image in enumerate(images)
    ]
    chosen = [(views[a], views[b]) for a, b in pairs]
    with quiet():
        output: dict[str, Any] = import_dust3r_inference().inference(
            chosen, network, "cpu", batch_size=batch_size, verbose=False
        )
    return output


def cpu_seconds(run: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.process_time()
        result = run()
        best = min(best, time.process_time() - start)
    return best, result


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Largest difference of any output, relative to that output's largest value."""
    parts = [(p, key) for p in ("pred1", "pred2") for key in theirs[p]]
    return max(float((ours[p][k] - theirs[p][k]).abs().max() / theirs[p][k].abs().max()) for p, k in parts)


def tiny(counts: list[int], repeats: int) -> None:
    torch.manual_seed(0)
    network = build_tiny_dust3r().eval()
    print(f"\nTiny network, {TINY_WIDTH}x{TINY_HEIGHT}, all pairs")
    print(f"{'views':>5} {'pairs':>5} {'upstream, 1':>11} {'upstream, 8':>11} {'ours CPU s':>10}", end="")
    print(f" {'ratio to 1':>10} {'to 8':>6} {'difference':>10}")
    counted, seconds = [], []
    for n in counts:
        images, pairs = random_images(n, TINY_HEIGHT, TINY_WIDTH), complete(n)
        dust3r_fast.infer(network, images, pairs)
        ours, output = cpu_seconds(lambda i=images, p=pairs: dust3r_fast.infer(network, i, p), repeats)
        one, theirs = cpu_seconds(lambda i=images, p=pairs: upstream(network, i, p, 1), repeats)
        eight, _ = cpu_seconds(lambda i=images, p=pairs: upstream(network, i, p, 8), repeats)
        print(f"{n:5d} {len(pairs):5d} {one:11.3f} {eight:11.3f} {ours:10.3f}", end="")
        print(f" {one / ours:10.1f} {eight / ours:6.1f} {difference(output, theirs):10.0e}", flush=True)
        counted.append(n)
        seconds.append(ours)
    if len(counted) > 2:
        print(f"ours grows as views^{np.polyfit(np.log(counted), np.log(seconds), 1)[0]:.2f}")


def official(height: int, width: int, n: int) -> None:
    torch.manual_seed(0)
    with quiet():
        network = (
            import_dust3r_model().AsymmetricCroCo3DStereo(**OFFICIAL_DUST3R, landscape_only=False).eval()
        )
    images, pairs = random_images(n, height, width), complete(n)

    def encode() -> dust3r_fast.PairPredictor:
        with torch.inference_mode():
            return dust3r_fast.PairPredictor(network, images)

    views, _ = cpu_seconds(encode)
    ours, output = cpu_seconds(lambda: dust3r_fast.infer(network, images, pairs))
    theirs, expected = cpu_seconds(lambda: upstream(network, images, pairs, 1))
    per_view, per_pair = views / n, (ours - views) / len(pairs)
    their_pair = theirs / len(pairs)
    print(
        f"\nOfficial size (ViT-L, DPT heads, random weights), {width}x{height}, {n} views, {len(pairs)} pairs"
    )
    print(f"upstream {theirs:.1f} CPU s, ours {ours:.1f}: ratio {theirs / ours:.2f}; ", end="")
    print(f"largest relative difference {difference(output, expected):.0e}")
    print(
        f"upstream {their_pair:.2f} s per pair; ours {per_view:.2f} s per view and {per_pair:.2f} s per pair"
    )
    for count in (4, 8, 16, 32):
        edges = count * (count - 1)
        ratio = edges * their_pair / (count * per_view + edges * per_pair)
        print(f"  {count:3d} views, complete graph: ratio {ratio:.2f} (from the figures above)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the tiny network only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"CPU: {cpu_name()}, {os.cpu_count()} cores, 1 thread; {platform.platform()}")
    print(f"Python {platform.python_version()}, torch {torch.__version__}")
    print(f"load average at start: {os.getloadavg()[0]:.2f}")
    tiny([4, 8] if args.quick else [4, 8, 16], 2)
    if not args.quick:
        official(288, 512, 2)


if __name__ == "__main__":
    main()
