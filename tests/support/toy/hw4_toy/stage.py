"""`task=toy`: how bright the photos of each pair are."""

from dataclasses import dataclass

import numpy as np

from hw4.config.fields import Checked, key
from hw4.config.input import InputConfig
from hw4.config.stages import Stage
from hw4.data.pairs.samples import load_pairs
from hw4.data.photos import open_upright
from hw4.jobs.context import JobContext


@dataclass
class ToyStageConfig(Checked, at="toy"):
    """`dark`: photos below this mean grey level, in [0, 255], are called dark."""

    dark: float = key(60.0, low=0, high=255)


def run(context: JobContext) -> list[str]:
    """Fill ``results.json`` and return what could not be done, one sentence each."""
    keys: ToyStageConfig = context.config.toy
    levels, problems = {}, []
    for sample in load_pairs(context.config.data, InputConfig("pair")):
        if sample.problem is not None:
            problems.append(f"sample {sample.idx}: {sample.problem}")
            continue
        photos = [np.asarray(open_upright(path).convert("L")) for path in sample.image_paths]
        levels[sample.idx] = [float(photo.mean()) for photo in photos]
    dark = [idx for idx, pair in levels.items() if min(pair) < keys.dark]
    context.results["toy"] = {"levels": levels, "dark": dark}
    context.console.print(f"{len(dark)} of {len(levels)} pairs have a dark photo")
    return problems


STAGE = Stage(
    "toy",
    "hw4_toy.stage:run",
    "how bright the photos of each pair are",
    reads=("data", "toy"),
    needs="pairs",
    config=ToyStageConfig,
)
