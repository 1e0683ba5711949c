"""Precisions of the networks on a CPU: how far poses move, and how much faster they are, in one run.

    python -m benchmarks.precision [--quick]

Pose errors are those of the small trained networks on generated pairs, and on those of the folder in
HW4_BENCH_PAIRS (the layout of `data=pairs`) where it is set. CPU times at the official size are of random
weights, one pair, one thread, the lesser of two passes over different photos.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.dust3r import official_network
from benchmarks.measure import Ratio, Record, start
from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.data.pairs.samples import load_pairs
from hw4.models.base import Reconstruction, ViewsModel
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView
from hw4.models.network.weights import WeightsSource
from hw4.models.registry import build_model, model_config
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.upstream import import_parts
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel

DTYPES = ("float32", "bfloat16", "int8")
RANDOM = WeightsSource(None, "random weights")


def errors(record: Record, where: str, data: Any, most: int) -> None:
    """Median errors of the small networks on pairs."""
    samples = load_pairs(data, InputConfig("pair"))[:most]
    for name in ("dust3r", "vggt"):
        for dtype in DTYPES:
            config = model_config(name, weights="tiny", device="cpu", dtype=dtype)
            began = time.process_time()
            result = evaluate_pose(samples, FromModel(lambda c=config: build_model(c)))
            spent = time.process_time() - began
            found = [one.error for one in result.samples]
            turned, moved = (
                np.nanmedian([getattr(e, field) if getattr(e, field) is not None else np.nan for e in found])
                for field in ("rotation_deg", "translation_deg")
            )
            record.fact(
                f"{name}, tiny weights, {where}, {len(found)} pairs, {dtype}: median rotation error "
                f"{turned:.2f}°, translation {moved:.2f}°; {spent:.1f} CPU-s with loading"
            )


def times(record: Record, what: str, make: Callable[[str], ViewsModel], size: tuple[int, int]) -> None:
    """CPU time of one pair at the official size."""
    width, height = size
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, height, width, generator=generator)
    # Other photos in the second pass: nothing is known of them.
    scenes = [[ModelView(image, size, np.eye(3)) for image in pair] for pair in images.split(2)]
    spent: dict[str, float] = {}
    first: dict[str, Reconstruction] = {}
    for dtype in DTYPES:
        model = make(dtype)
        passes = []
        for views in scenes:
            began = time.process_time()
            found = model.reconstruct_views(views)
            passes.append(time.process_time() - began)
            first.setdefault(dtype, found)
        spent[dtype] = min(passes)
    depths = {dtype: np.stack(found.depth or []) for dtype, found in first.items()}
    for dtype, goal in (("bfloat16", None), ("int8", 2.5)):
        apart = np.median(np.abs(depths[dtype] / depths["float32"] - 1))
        record.add(
            Ratio(
                f"{what}, official size, random weights, {dtype}",
                f"one pair, {width}x{height}",
                "float32",
                spent[dtype],
                spent["float32"],
                f"median difference in depth {apart:.0e}",
                goal,
            )
        )


def dust3r(dtype: str) -> ViewsModel:
    loaded = LoadedNetwork(official_network(), 512, 16, RANDOM)
    return Dust3rModel(loaded, Dust3rConfig(weights="random", device="cpu", dtype=dtype))


def vggt(dtype: str) -> ViewsModel:
    torch.manual_seed(0)
    with quiet():
        network = import_parts().VGGT(enable_track=False).eval()
    config = VggtConfig(weights="random", device="cpu", dtype=dtype)
    return VggtModel(LoadedNetwork(network, 518, 14, RANDOM), config)


def main(argv: Sequence[str] | None = None) -> None:
    record = start("precision", __doc__ or "", argv)
    torch.set_num_threads(1)
    errors(record, "generated", SampleConfig(pairs=8 if record.quick else 40), 40)
    real = os.environ.get("HW4_BENCH_PAIRS")
    if real:
        errors(record, Path(real).name, PairsConfig(root=real), 40)
    if not record.quick:
        times(record, "DUSt3R", dust3r, (512, 288))
        times(record, "VGGT", vggt, (518, 294))
    record.save()


if __name__ == "__main__":
    main()
