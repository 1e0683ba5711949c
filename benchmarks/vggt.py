"""VGGT as the pose stage runs it against upstream's own forward pass, pair by pair, in the same run.

    python -m benchmarks.vggt [--quick]

Random weights and images, one thread. Ours runs no head that nobody reads (`model.pts3d_from=depth` needs no
point head, `none` neither), takes several small pairs at once, and makes what depends on one photo alone
once, which an interpolated sample of the official size shows. `benchmarks.precision` times other precisions.
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
from hw4.models.vggt.upstream import import_pose_encoding

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
    """An interpolated sample: the pair, two subsets of its frames and all of them share their end photos."""
    torch.manual_seed(0)
    with quiet():
        network = import_vggt_parts().VGGT(enable_track=False).eval()
    images = torch.rand(5, 3, height, width, generator=torch.Generator().manual_seed(0))
    views = [ModelView(image, (width, height), torch.eye(3).numpy()) for image in images]
    scenes = ((0, 4), (0, 1, 4), (0, 2, 4), (0, 1, 2, 3, 4))
    size = f"pair, two subsets and five frames, {width}x{height}"

    def theirs() -> list[dict[str, Tensor]]:
        return [outputs(network, images[None, list(scene)]) for scene in scenes]

    outputs(network, images[None, :2])
    start_s = time.process_time()
    expected = theirs()
    spent = time.process_time() - start_s
    for source in ("depth", "none"):
        # It takes heads and precision of the network that it is given.
        config = VggtConfig(weights="random", device="cpu", pts3d_from=source)
        model = VggtModel(LoadedNetwork(network, 518, 14, WeightsSource(None, "random weights")), config)
        start_s = time.process_time()
        found = [model.reconstruct_views([views[place] for place in scene]) for scene in scenes]
        ours = time.process_time() - start_s
        poses = [
            import_pose_encoding().pose_encoding_to_extri_intri(e["pose_enc"], (height, width))[0][0]
            for e in expected
        ]
        apart = max(
            float((torch.from_numpy(f.cam_from_world) - pose).abs().max())
            for f, pose in zip(found, poses, strict=True)
        )
        what = "cameras and depth" if source == "depth" else "cameras alone"
        record.add(
            Ratio(
                f"VGGT, official size (1.2 billion parameters, random weights), {what}",
                size,
                "upstream's forward, all heads",
                ours,
                spent,
                f"largest difference of a camera {apart:.0e}",
                1.5,
            )
        )
        network.aggregator.patch_embed = network.aggregator.patch_embed.embed


def main(argv: Sequence[str] | None = None) -> None:
    record = start("vggt", __doc__ or "", argv)
    torch.set_num_threads(1)
    tiny(record)
    if not record.quick:
        official(record, 294, 518)
    record.save()


if __name__ == "__main__":
    main()
