"""VGGT as the pose stage runs it against upstream's own forward pass, pair by pair, in the same run.

    python -m benchmarks.vggt [--quick]

Random weights and images, one thread. Ours runs no head that nobody reads (`model.pts3d_from=depth` needs no
point head, `none` neither), takes several small pairs at once, and makes what depends on one photo alone
once, which the candidates of an interpolated sample show at the official size: the pair and subsets of a
video's frames, in full as many as `input.selection=medoid` takes. `benchmarks.precision` times other
precisions.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import copy
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import Ratio, Record, Scaling, alternated, best, start
from hw4.config.input import CandidatesConfig
from hw4.data.pairs.frames import frame_subsets
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
# DynamiCrafter's videos have 16; the first and the last show the two photos.
VIDEO_FRAMES = 14
TAKEN = CandidatesConfig()


def outputs(network: Any, images: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode(), quiet():
        result: dict[str, Tensor] = network(images)
    return result


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.float() - theirs.float()).abs().max() / theirs.float().abs().max())


def sharing(network: Any) -> Any:
    """The same weights in modules of their own, whose heads can be left out."""
    return copy.deepcopy(network, {id(t): t for t in (*network.parameters(), *network.buffers())})


def tiny(record: Record) -> None:
    torch.manual_seed(0)
    network = build_tiny_vggt().eval()
    generator = torch.Generator().manual_seed(0)
    scenes = torch.rand(PAIRS, 2, 3, TINY_HEIGHT, TINY_WIDTH, generator=generator)
    size = f"{PAIRS} pairs, {TINY_WIDTH}x{TINY_HEIGHT}"
    model = VggtModel(
        LoadedNetwork(sharing(network), TINY_WIDTH, TINY_PATCH, WeightsSource(None, "random weights")),
        VggtConfig(weights="random", device="cpu"),
    )
    blank = [ModelView(image, (TINY_WIDTH, TINY_HEIGHT), torch.eye(3).numpy()) for image in scenes[0]]
    batch = model.scenes_per_batch(blank)

    def depths(of: Any, n: int) -> Tensor:
        return torch.cat([outputs(of, part)["depth"] for part in scenes.split(n)])

    sides = [
        partial(depths, network, 1),
        partial(depths, model.network, 1),
        partial(depths, model.network, batch),
    ]
    theirs, one, ours = alternated(sides, 1 if record.quick else 3)
    record.add(Ratio("VGGT, tiny, no point head", size, "upstream's forward, all heads", one, theirs))
    apart = relative_difference(sides[2](), sides[0]())
    record.add(
        Ratio(
            f"VGGT, tiny, no point head, {batch} pairs at once",
            size,
            "upstream's forward, all heads",
            ours,
            theirs,
            f"largest relative difference {apart:.0e}",
        )
    )
    counts = [2, 4, 8] if record.quick else [2, 4, 8, 16]
    views = scenes.reshape(1, -1, *scenes.shape[2:])
    spent = [best(partial(outputs, model.network, views[:, :n]), 1 if record.quick else 3) for n in counts]
    record.scaling(Scaling("VGGT, tiny, one scene", "views", [float(n) for n in counts], spent))


def candidates(frames: int, subsets: int) -> list[list[int]]:
    """Photos of each scene of a sample: the pair (first and last), and subsets of the frames between."""
    middle = [Path(str(number)) for number in range(1, frames + 1)]
    chosen = frame_subsets(middle, TAKEN.frames, subsets, [TAKEN.seed])
    return [[0, frames + 1], *([0, *(int(path.name) for path in one), frames + 1] for one in chosen)]


def official(record: Record, height: int, width: int, frames: int, subsets: int) -> None:
    """An interpolated sample with candidates, which share their end photos and many a frame.

    Once each, after small photos; scene by scene, in an order that is reversed every time.
    """
    torch.manual_seed(0)
    with quiet():
        network = import_vggt_parts().VGGT(enable_track=False).eval()
    source = WeightsSource(None, "random weights")
    models = {
        kind: VggtModel(
            LoadedNetwork(sharing(network), 518, 14, source),
            VggtConfig(weights="random", device="cpu", pts3d_from=kind),
        )
        for kind in ("depth", "none")
    }

    def upstream(views: Sequence[ModelView]) -> np.ndarray:
        encoded = outputs(network, torch.stack([view.pixels for view in views])[None])["pose_enc"]
        decode = import_pose_encoding().pose_encoding_to_extri_intri
        cameras: np.ndarray = decode(encoded, tuple(views[0].pixels.shape[1:]))[0][0].numpy()
        return cameras

    def ours(kind: str, views: Sequence[ModelView]) -> np.ndarray:
        return models[kind].reconstruct_views(views).cam_from_world

    sides: dict[str, Callable[[Sequence[ModelView]], np.ndarray]]
    sides = {"upstream": upstream, **{kind: partial(ours, kind) for kind in models}}
    spent, apart = dict.fromkeys(sides, 0.0), dict.fromkeys(sides, 0.0)

    def photos(count: int, height: int, width: int) -> list[ModelView]:
        images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
        return [ModelView(image, (width, height), torch.eye(3).numpy()) for image in images]

    for run in sides.values():
        run(photos(2, 56, 56))
    views = photos(frames + 2, height, width)
    for round_, scene in enumerate(candidates(frames, subsets)):
        cameras = {}
        for name in list(sides) if round_ % 2 == 0 else reversed(sides):
            start_s = time.process_time()
            cameras[name] = sides[name]([views[place] for place in scene])
            spent[name] += time.process_time() - start_s
        for name in models:
            apart[name] = max(apart[name], float(np.abs(cameras[name] - cameras["upstream"]).max()))
    of = f"{TAKEN.frames} of {frames} frames"
    for name, what in (("depth", "cameras and depth"), ("none", "cameras alone")):
        record.add(
            Ratio(
                f"VGGT, official size (1.2 billion parameters, random weights), {what}",
                f"pair and {subsets} subsets of {of}, {width}x{height}",
                "upstream's forward, all heads",
                spent[name],
                spent["upstream"],
                f"largest difference of a camera {apart[name]:.0e}",
                1.5,
            )
        )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("vggt", __doc__ or "", argv)
    torch.set_num_threads(1)
    tiny(record)
    if record.quick:
        official(record, 112, 112, 5, 3)
    else:
        official(record, 112, 196, VIDEO_FRAMES, TAKEN.subsets)
    record.save()


if __name__ == "__main__":
    main()
