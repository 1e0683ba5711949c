"""What surrounds the networks: start-up, the stage cache, decoding ahead, and memory per stage.

    python -m benchmarks.pipeline [--quick]

Commands run as a user runs them, in processes of their own, with everything they write in a temporary folder.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import ROOT, Ratio, Record, best, start, timed
from hw4.data.pairs.samples import PairSample
from hw4.models.base import Reconstruction, ViewsModel
from hw4.models.dust3r.views import load_view as load_dust3r_view
from hw4.models.network.views import ModelView
from hw4.pose.predict import predict_samples


def command(folder: Path, *arguments: str) -> float:
    """Seconds of ``python -m hw4 ...``."""
    return timed([sys.executable, "-m", "hw4", *arguments], ROOT, folder).wall


def commands(record: Record, folder: Path) -> None:
    """Start-up, a trivial run, and what the cache saves."""
    repeats = 2 if record.quick else 5
    record.fact(f"python -m hw4 --help: {best(lambda: command(folder, '--help'), repeats):.2f} s, goal 1 s")
    trivial = ["task=pose", "model=sfm", "data.pairs=2", "wandb=disabled"]
    command(folder, *trivial)
    spent = best(lambda: command(folder, *trivial, "cache.reuse=false"), repeats)
    record.fact(f"a trivial run (two generated pairs, model=sfm, tables and report): {spent:.2f} s, goal 5 s")
    pairs = 10 if record.quick else 40
    whole = [
        "task=all",
        "model=dust3r",
        f"data.pairs={pairs}",
        "wandb=disabled",
        "splat.eval.lpips_download=false",
    ]
    if record.quick:
        whole += ["splat.iterations=100", "splat.video_frames=0"]
    run_dir = folder / "first"
    first = command(folder, *whole, f"hydra.run.dir={run_dir}")
    again = min(command(folder, *whole, f"hydra.run.dir={folder / f'again{i}'}") for i in range(repeats))
    record.add(
        Ratio(
            "A run whose stages are in the cache",
            f"{pairs} pairs and a scene",
            "the same run, cold",
            again,
            first,
        )
    )
    resources = json.loads((run_dir / "results.json").read_text())["resources"]
    for stage, used in resources.items():
        record.fact(
            f"stage {stage}: {used['seconds']:.1f} s, peak memory {used['host_bytes'] / 2**20:.0f} MB "
            "(with Python and its libraries)"
        )


class _Busy(ViewsModel):
    """Computes for a set time without Python's lock, as a network does."""

    name, weights_label = "busy", "none"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
        return [load_dust3r_view(path, 512) for path in image_paths]

    def reconstruct_views(self, views: Sequence[ModelView], seed: int = 0) -> Reconstruction:
        time.sleep(self._seconds)
        eyes = np.tile(np.eye(3), (2, 1, 1))
        return Reconstruction(np.tile(np.eye(4)[:3], (2, 1, 1)), eyes, np.full((2, 2), 1), eyes, [])


def decoding(record: Record, folder: Path) -> None:
    """Photos decoded while the network computes against one after the other."""
    noise = np.random.default_rng(0).integers(0, 255, (121, 162, 3), np.uint8)
    photo = Image.fromarray(noise).resize((1296, 968), Image.Resampling.BICUBIC)
    n = 10 if record.quick else 40
    samples = []
    for idx in range(n):
        paths = tuple(folder / f"{idx}_{side}.jpg" for side in "ab")
        for path in paths:
            photo.save(path, quality=95)
        samples.append(PairSample(idx, paths, None, None))
    decode = best(lambda: [load_dust3r_view(path, 512) for path in samples[0].image_paths], 5)
    model = _Busy(decode)

    def in_turn() -> None:
        for sample in samples:
            model.reconstruct_views(model.load_views(sample.image_paths))

    theirs = best(in_turn, 3)
    ours = best(lambda: list(predict_samples(model, samples, 0)), 3)
    record.add(
        Ratio(
            "Photos decoded ahead, a network as slow as decoding",
            f"{n} pairs of 1296x968 JPEGs, {1e3 * decode:.0f} ms a pair",
            "decoding, then computing",
            ours,
            theirs,
            "2 is the most that overlap can give",
        )
    )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("pipeline", __doc__ or "", argv)
    with tempfile.TemporaryDirectory() as folder:
        decoding(record, Path(folder))
        commands(record, Path(folder))
    record.save()


if __name__ == "__main__":
    main()
