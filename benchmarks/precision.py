"""Precisions of the networks on a CPU: how far poses move, and how much faster they are, in one run.

    python -m benchmarks.precision [--quick]

Pose errors are those of the small trained networks on generated pairs, and on those of the folder in
HW4_BENCH_PAIRS (the layout of `data=pairs`) where it is set. CPU times at the official size are of random
weights, one pair, one thread, the lesser of two passes over different photos.

How far numbers are apart is said of what a network itself predicts: the median, over the points of DUSt3R's
pairs and the depths of VGGT's views, of the difference from float32 relative to float32, beside the same of
upstream's own forward pass under torch.autocast. DUSt3R's depth maps would not do: its cameras come from
these points by PnP and RANSAC, which on random weights find any camera, and depths are the points in that.
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
from benchmarks.vggt import outputs
from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.data.pairs.samples import load_pairs
from hw4.models.base import ViewsModel
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.network.devices import precision
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.reduced import computes_bfloat16
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView
from hw4.models.network.weights import WeightsSource
from hw4.models.registry import build_model, model_config
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.upstream import import_parts
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel

CPU = torch.device("cpu")
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


def said(model: ViewsModel, views: Sequence[ModelView]) -> np.ndarray:
    """(P, D) what the network itself predicts: points of DUSt3R's pairs, depths of VGGT's views."""
    if isinstance(model, Dust3rModel):
        return model.predict_pairs(views, "complete").values[:3].T
    return np.stack(model.reconstruct_views(views).depth or []).reshape(-1, 1)


def said_upstream(model: ViewsModel, views: Sequence[ModelView]) -> np.ndarray:
    """As `said`, by upstream's forward pass under autocast to bfloat16, its heads in float32 as on a GPU."""
    assert isinstance(model, Dust3rModel | VggtModel)
    images = [view.pixels for view in views]
    with precision(CPU, torch.bfloat16):
        if isinstance(model, VggtModel):
            return outputs(model.network, torch.stack(images)[None])["depth"].numpy().reshape(-1, 1)
        pairs = model.predict_pairs(views, "complete").edges
        # Upstream's `inference` turns autocast off; this is what its network does under it.
        inputs = [
            {
                "img": image[None].sub(0.5).div(0.5),
                "true_shape": torch.tensor([image.shape[1:]]),
                "instance": [n],
            }
            for n, image in enumerate(images)
        ]
        with torch.inference_mode(), quiet():
            found = [model.network(inputs[first], inputs[second]) for first, second in pairs]
    sides = [side for one, other in found for side in (one["pts3d"], other["pts3d_in_other_view"])]
    return torch.cat([side.float().reshape(-1, 3) for side in sides]).numpy()


def apart(found: np.ndarray, expected: np.ndarray) -> str:
    """The median difference in words."""
    lengths = np.linalg.norm(expected, axis=1)
    return f"{np.median(np.linalg.norm(found - expected, axis=1) / lengths):.0e}"


def differences(record: Record) -> None:
    """How far the small networks are from float32 on a generated pair, and how far upstream's autocast is."""
    sample = load_pairs(SampleConfig(pairs=1), InputConfig("pair"))[0]
    for name in ("dust3r", "vggt"):
        for weights in ("tiny", "random"):
            found = {}
            for dtype in DTYPES:
                model = build_model(model_config(name, weights=weights, device="cpu", dtype=dtype))
                assert isinstance(model, ViewsModel)
                views = model.load_views(sample.image_paths)
                found[dtype] = said(model, views)
                if dtype == "float32":
                    found["upstream's autocast to bfloat16"] = said_upstream(model, views)
            expected = found.pop("float32")
            words = ", ".join(f"{how} {apart(values, expected)}" for how, values in found.items())
            record.fact(f"{name}, small network, {weights} weights, median difference from float32: {words}")


def times(record: Record, what: str, make: Callable[[str], ViewsModel], size: tuple[int, int]) -> None:
    """CPU time of one pair at the official size."""
    width, height = size
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, height, width, generator=generator)
    # Other photos in the second pass: nothing is known of them.
    scenes = [[ModelView(image, size, np.eye(3)) for image in pair] for pair in images.split(2)]
    spent: dict[str, float] = {}
    first: dict[str, np.ndarray] = {}
    dtypes = [dtype for dtype in DTYPES if dtype != "bfloat16" or computes_bfloat16()]
    if len(dtypes) < len(DTYPES):
        record.fact(f"{what}, official size: this CPU only emulates bfloat16, which is not timed")
    for dtype in dtypes:
        model = make(dtype)
        passes = []
        for views in scenes:
            began = time.process_time()
            found = said(model, views)
            passes.append(time.process_time() - began)
            first.setdefault(dtype, found)
        # Two of them would not fit into the memory of a small machine.
        del model
        spent[dtype] = min(passes)
        if dtype != "float32":
            record.add(
                Ratio(
                    f"{what}, official size, random weights, {dtype}",
                    f"one pair, {width}x{height}",
                    "float32",
                    spent[dtype],
                    spent["float32"],
                    f"median difference of what the network predicts {apart(first[dtype], first['float32'])}",
                    2.5 if dtype == "int8" else None,
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
    differences(record)
    real = os.environ.get("HW4_BENCH_PAIRS")
    if real:
        errors(record, Path(real).name, PairsConfig(root=real), 40)
    times(record, "DUSt3R", dust3r, (256, 144) if record.quick else (512, 288))
    if not record.quick:
        times(record, "VGGT", vggt, (518, 294))
    record.save()


if __name__ == "__main__":
    main()
