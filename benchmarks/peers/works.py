"""Pieces of work that an earlier hw4 can do too: whichever version PYTHONPATH names does one of them.

    python benchmarks/peers/works.py NAME FOLDER SIZE...

What it spent, after a smaller piece to warm up, goes to ``FOLDER/spent.json``; what came out, to
``FOLDER/found.npz``. Nothing of this checkout is imported.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Found = dict[str, np.ndarray]


def timed(work: Callable[[], Found], spent: dict[str, float]) -> Found:
    """Do it, and note wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    spent.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
    return found


def sfm(spent: dict[str, float], folder: str) -> Found:
    """`model=sfm` on the photos of a folder, whose intrinsics (3, 3) are in its ``K.json``."""
    from hw4.models.sfm.config import SfmConfig
    from hw4.models.sfm.model import SfmModel

    K = np.array(json.loads(Path(folder, "K.json").read_text()))
    paths = sorted(path for path in Path(folder).iterdir() if path.suffix == ".png")
    model = SfmModel(SfmConfig())
    model.reconstruct(paths[:2], np.tile(K, (2, 1, 1)))

    def work() -> Found:
        one = model.reconstruct(paths, np.tile(K, (len(paths), 1, 1)))
        return {"cam_from_world": one.cam_from_world, "points": np.array(len(one.points))}

    return timed(work, spent)


def vggt(spent: dict[str, float], height: str, width: str) -> Found:
    """VGGT of the official size on an interpolated sample: a pair and two subsets of its frames."""
    import torch

    from hw4.models.network.load import LoadedNetwork
    from hw4.models.network.upstream import quiet
    from hw4.models.network.views import ModelView
    from hw4.models.network.weights import WeightsSource
    from hw4.models.vggt.config import VggtConfig
    from hw4.models.vggt.model import VggtModel
    from hw4.models.vggt.upstream import import_parts

    torch.set_num_threads(1)
    torch.manual_seed(0)
    with quiet():
        network = import_parts().VGGT(enable_track=False).eval()
    loaded = LoadedNetwork(network, 518, 14, WeightsSource(None, "random weights"))
    model = VggtModel(loaded, VggtConfig(weights="random", device="cpu"))

    def photos(height: int, width: int) -> list[Any]:
        images = torch.rand(4, 3, height, width, generator=torch.Generator().manual_seed(0))
        return [ModelView(image, (width, height), np.eye(3)) for image in images]

    model.reconstruct_views(photos(56, 56))
    views = photos(int(height), int(width))

    def work() -> Found:
        scenes = [[views[k] for k in scene] for scene in ((0, 3), (0, 1, 3), (0, 2, 3))]
        return {
            "cam_from_world": np.concatenate([model.reconstruct_views(one).cam_from_world for one in scenes])
        }

    return timed(work, spent)


def views(spent: dict[str, float], folder: str, count: str) -> Found:
    """The small DUSt3R on the complete graph of photos; ``peak`` is the most memory that the process had."""
    from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
    from hw4.models.dust3r.model import Dust3rModel

    config = Dust3rConfig(
        weights="tiny", device="cpu", image_size=128, alignment=AlignmentConfig(iterations=10)
    )
    model = Dust3rModel.from_config(config)
    photos = model.load_views(sorted(Path(folder).iterdir())[: int(count)])
    model.reconstruct_views(photos[:3])
    found = timed(lambda: {"cam_from_world": model.reconstruct_views(photos).cam_from_world}, spent)
    spent["peak"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent["points"] = sum(2 * one.pixels[0].numel() * (len(photos) - 1) for one in photos)
    return found


def sample(spent: dict[str, float], pairs: str) -> Found:
    """The generated data."""
    from tempfile import TemporaryDirectory

    from hw4.config import SampleConfig
    from hw4.data.sample.write import write_sample

    with TemporaryDirectory() as small, TemporaryDirectory() as folder:
        write_sample(Path(small), SampleConfig(pairs=1, frames=3, width=48, height=36))
        timed(lambda: write_sample(Path(folder), SampleConfig(pairs=int(pairs))) or {}, spent)
        files = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".png", ".npy"))
        return {"bytes": np.concatenate([np.frombuffer(path.read_bytes(), np.uint8) for path in files])}


def iterations(spent: dict[str, float], gaussians: str, count: str) -> Found:
    """So many training iterations of the sample scene after 10 to warm up; spent is one of the best 20."""
    import torch

    from hw4.config import SampleConfig, SplatConfig
    from hw4.data.scenes.scene import scene_of
    from hw4.splat.start import from_scene
    from hw4.splat.training.step import TrainingRun

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    config = SplatConfig()
    config.init.max_points = int(gaussians)
    scene = scene_of(SampleConfig()).train
    run = TrainingRun(scene, from_scene(scene, config), config)
    for _ in range(10):
        run.advance()

    def some() -> Found:
        for _ in range(20):
            run.advance()
        return {}

    for _ in range(int(count) // 20):
        once: dict[str, float] = {}
        timed(some, once)
        spent.update({key: min(value / 20, spent.get(key, value)) for key, value in once.items()})
    with torch.no_grad():
        errors = [
            (run.render(view, run.background())[0] - photo).square().mean()
            for view, photo in enumerate(run.images)
        ]
    return {"psnr": -10 * torch.stack(errors).log10().mean().numpy()}


WORKS: dict[str, Callable[..., Found]] = {
    "sfm": sfm,
    "vggt": vggt,
    "views": views,
    "sample": sample,
    "iterations": iterations,
}


def main() -> None:
    name, out, *size = sys.argv[1:]
    spent: dict[str, float] = {}
    found = WORKS[name](spent, *size)
    Path(out, "spent.json").write_text(json.dumps(spent))
    np.savez(Path(out, "found.npz"), **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
