"""VGGT as the pose stage runs it against upstream's own forward pass, pair by pair, in the same run.

    python -m benchmarks.vggt [--quick]

Random weights and images, one thread. Ours runs no head that nobody reads (`model.pts3d_from=depth` needs no
point head) and takes several pairs at once. bfloat16 is timed at the official size, where it is a choice
(`model.dtype=bfloat16`); its error is bfloat16's own.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import Ratio, Record, Scaling, best, start
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.tiny import TINY_HEIGHT, TINY_PATCH, TINY_WIDTH
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView
from hw4.models.network.weights import WeightsSource
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.tiny import build_tiny as build_tiny_vggt
from hw4.models.vggt.upstream import import_parts as import_vggt_parts

PAIRS = 40


def outputs(network: Any, images: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode(), quiet():
        result: dict[str, Tensor] = network(images)
    return result


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.float() - theirs.float()).abs().max() / theirs.float().abs().max())


def tiny(record: Record) -> None:
    torch.manual_seed(0)
    network = build_tiny_vggt().eval()
    generator = torch.Generator().manual_seed(0)
    scenes = torch.rand(PAIRS, 2, 3, TINY_HEIGHT, TINY_WIDTH, generator=generator)
    size = f"{PAIRS} pairs, {TINY_WIDTH}x{TINY_HEIGHT}"
    repeats = 1 if record.quick else 3
    outputs(network, scenes[:1])
    theirs = best(lambda: [outputs(network, pair[None]) for pair in scenes], repeats, time.process_time)
    expected = torch.cat([outputs(network, pair[None])["depth"] for pair in scenes])
    model = VggtModel(
        LoadedNetwork(network, TINY_WIDTH, TINY_PATCH, WeightsSource(None, "random weights")),
        VggtConfig(weights="random", device="cpu"),
    )
    one = best(lambda: [outputs(network, pair[None]) for pair in scenes], repeats, time.process_time)
    record.add(Ratio("VGGT, tiny, no point head", size, "upstream's forward, all heads", one, theirs))
    blank = [ModelView(image, (TINY_WIDTH, TINY_HEIGHT), torch.eye(3).numpy()) for image in scenes[0]]
    batch = model.scenes_per_batch(blank)
    ours = best(lambda: [outputs(network, part) for part in scenes.split(batch)], repeats, time.process_time)
    depth = torch.cat([outputs(network, part)["depth"] for part in scenes.split(batch)])
    record.add(
        Ratio(
            f"VGGT, tiny, no point head, {batch} pairs at once",
            size,
            "upstream's forward, all heads",
            ours,
            theirs,
            f"largest relative difference {relative_difference(depth, expected):.0e}",
        )
    )
    counts = [2, 4, 8] if record.quick else [2, 4, 8, 16]
    views = scenes.reshape(1, -1, *scenes.shape[2:])
    spent = [best(partial(outputs, network, views[:, :n]), repeats) for n in counts]
    record.scaling(Scaling("VGGT, tiny, one scene", "views", [float(n) for n in counts], spent))


def official(record: Record, height: int, width: int) -> None:
    torch.manual_seed(0)
    with quiet():
        network = import_vggt_parts().VGGT(enable_track=False).eval()
    images = torch.rand(1, 2, 3, height, width, generator=torch.Generator().manual_seed(0))
    size = f"one pair, {width}x{height}"
    start_s = time.process_time()
    expected = outputs(network, images)["depth"]
    theirs = time.process_time() - start_s
    network.point_head = None
    start_s = time.process_time()
    depth = outputs(network, images)["depth"]
    ours = time.process_time() - start_s
    what = "VGGT, official size (1.2 billion parameters, random weights)"
    record.add(
        Ratio(
            f"{what}, no point head",
            size,
            "upstream's forward, all heads",
            ours,
            theirs,
            f"largest relative difference {relative_difference(depth, expected):.0e}",
        )
    )
    start_s = time.process_time()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = outputs(network, images)["depth"]
    record.add(
        Ratio(
            f"{what}, no point head, bfloat16",
            size,
            "upstream's forward, all heads, float32",
            time.process_time() - start_s,
            theirs,
            f"largest relative difference {relative_difference(reduced, expected):.0e}",
        )
    )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("vggt", __doc__ or "", argv)
    torch.set_num_threads(1)
    tiny(record)
    if not record.quick:
        official(record, 294, 518)
    record.save()


if __name__ == "__main__":
    main()
