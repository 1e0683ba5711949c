"""DUSt3R on all pairs of N views: `hw4.models.dust3r.pairs` against upstream's `inference`, in the same run.

    python -m benchmarks.dust3r [--quick]

Random weights and images, complete symmetric graph, float32, one thread, CPU time. Both sides are warmed and
repeated equally often, in an order that is reversed every round. Upstream runs with batches of 1, of 2 (a
pair and its mirror image side by side, whose views it then encodes once: of two views the same work as ours)
and, at the small size, of 8. At the official size a pair is timed both ways round: ours as seconds per view
and per pair, upstream as seconds per pair, from which the ratio for N views follows.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import Ratio, Record, Scaling, alternated, start
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r.network import OFFICIAL as OFFICIAL_DUST3R
from hw4.models.dust3r.tiny import build_tiny as build_tiny_dust3r
from hw4.models.dust3r.upstream import import_inference as import_dust3r_inference
from hw4.models.dust3r.upstream import import_model as import_dust3r_model
from hw4.models.network.heap import kept_heap
from hw4.models.network.tiny import TINY_HEIGHT, TINY_WIDTH
from hw4.models.network.upstream import quiet

Pairs = list[tuple[int, int]]


def complete(n: int) -> Pairs:
    """Each pair beside its mirror image, as upstream's batches of 2 need them to encode a view once."""
    return [edge for a in range(n) for b in range(a) for edge in ((a, b), (b, a))]


def random_images(n: int, height: int, width: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [2 * torch.rand(3, height, width, generator=generator) - 1 for _ in range(n)]


def official_network() -> nn.Module:
    torch.manual_seed(0)
    with quiet():
        network: nn.Module = import_dust3r_model().AsymmetricCroCo3DStereo(
            **OFFICIAL_DUST3R, landscape_only=False
        )
    return network.eval()


def upstream(
    network: nn.Module, images: list[Tensor], pairs: Pairs, batch_size: int, device: str = "cpu"
) -> dict[str, Any]:
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
            chosen, network, device, batch_size=batch_size, verbose=False
        )
    return output


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Largest difference of any output, relative to that output's largest value."""
    parts = [(p, key) for p in ("pred1", "pred2") for key in theirs[p]]
    return max(float((ours[p][k] - theirs[p][k]).abs().max() / theirs[p][k].abs().max()) for p, k in parts)


def tiny(record: Record, counts: list[int], repeats: int) -> None:
    torch.manual_seed(0)
    network = build_tiny_dust3r().eval()
    spent = []
    for n in counts:
        images, pairs = random_images(n, TINY_HEIGHT, TINY_WIDTH), complete(n)
        output, expected = dust3r_fast.infer(network, images, pairs), upstream(network, images, pairs, 1)
        batches = (1, 2, 8)
        ours, *peers = alternated(
            [
                partial(dust3r_fast.infer, network, images, pairs),
                *(partial(upstream, network, images, pairs, batch) for batch in batches),
            ],
            repeats,
        )
        for batch, theirs in zip(batches, peers, strict=True):
            record.add(
                Ratio(
                    "DUSt3R network, tiny",
                    f"{n} views, {len(pairs)} pairs, {TINY_WIDTH}x{TINY_HEIGHT}",
                    f"upstream's inference, batches of {batch}",
                    ours,
                    theirs,
                    f"largest relative difference {difference(output, expected):.0e}",
                    5.0 if batch == 1 and n == 16 else None,
                )
            )
        spent.append(ours)
    for name, sizes in (("views", counts), ("pairs", [n * (n - 1) for n in counts])):
        record.scaling(Scaling("DUSt3R network, tiny, complete graph", name, [*map(float, sizes)], spent))


def official(record: Record, height: int, width: int) -> None:
    """Two views: seconds per view and per pair, from which the ratio for N views follows."""
    network, pairs = official_network(), complete(2)
    images = random_images(2, height, width)

    def ours(images: list[Tensor]) -> dict[str, Any]:
        with kept_heap(True):
            return dust3r_fast.infer(network, images, pairs)

    def encode(images: list[Tensor]) -> None:
        with torch.inference_mode(), kept_heap(True):
            dust3r_fast.PairPredictor(network, images)

    sides: list[Callable[[list[Tensor]], Any]] = [
        ours,
        partial(upstream, network, pairs=pairs, batch_size=1),
        partial(upstream, network, pairs=pairs, batch_size=2),
        encode,
    ]
    for run in sides:
        run(random_images(2, 64, 64))
    spent: list[float] = [float("inf")] * len(sides)
    found: list[Any] = [None] * len(sides)
    for round_ in range(2):
        for place in range(len(sides)) if round_ == 0 else reversed(range(len(sides))):
            start_s = time.process_time()
            found[place] = sides[place](images)
            spent[place] = min(spent[place], time.process_time() - start_s)
    for place in (1, 2):
        record.add(
            Ratio(
                "DUSt3R network, official size (ViT-L, DPT heads, random weights)",
                f"2 views, 2 pairs, {width}x{height}",
                "upstream's inference, batches of " + ("1", "2: a pair and its mirror image")[place - 1],
                spent[0],
                spent[place],
                f"largest relative difference {difference(found[0], found[place]):.0e}",
                1.4 if place == 1 else None,
            )
        )
    per_view, per_pair = spent[3] / 2, (spent[0] - spent[3]) / 2
    record.fact(f"official size: ours {per_view:.2f} s per view and {per_pair:.2f} s per pair")
    for batch, theirs in ((1, spent[1] / 2), (2, spent[2] / 2)):
        ratios = [
            f"{n}: {n * (n - 1) * theirs / (n * per_view + n * (n - 1) * per_pair):.2f}"
            for n in (4, 8, 16, 32)
        ]
        record.fact(
            f"official size, complete graph, against batches of {batch} ({theirs:.2f} s per pair): ratio by "
            f"views {', '.join(ratios)}, from these figures"
        )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("dust3r", __doc__ or "", argv)
    torch.set_num_threads(1)
    tiny(record, [4, 6, 8] if record.quick else [4, 8, 16], 1 if record.quick else 2)
    official(record, *((144, 256) if record.quick else (288, 512)))
    record.save()


if __name__ == "__main__":
    main()
