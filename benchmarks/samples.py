"""Pose samples side by side against one after the other, and what a sample costs among few and many.

    python -m benchmarks.samples [--quick]

sfm in threads, against one core; the small DUSt3R in processes, against one process with torch's threads. The
start of processes is part of their time, as building the model is of one's; beside that stands the pace once
all of them have given a first answer. Records and clouds are compared to the bit.
"""

import os

# As the command sets them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from benchmarks.measure import Ratio, Record, Scaling, start
from hw4.config import InputConfig, SampleConfig
from hw4.config.model import ModelConfig
from hw4.core.cores import CORES, usable_cores
from hw4.core.durable import jsonable
from hw4.data.pairs.samples import PairSample, load_pairs
from hw4.jobs.at_once import make_model
from hw4.models.registry import build_model, model_config
from hw4.pose.at_once import AtOnce
from hw4.pose.from_model import FromModel

Run = Callable[[Sequence[PairSample], AtOnce], tuple[list[float], str]]


def predicted(config: ModelConfig) -> Run:
    """Seconds until each sample has its prediction on disk, and a hash of all that was predicted."""

    def run(samples: Sequence[PairSample], at_once: AtOnce) -> tuple[list[float], str]:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            source = FromModel(lambda: build_model(config), Path(folder), labels=("", ""), at_once=at_once)
            spent, content = [], hashlib.sha256()
            for answer in source.answers(samples):
                spent.append(time.perf_counter() - began)
                said = jsonable(replace(answer.prediction, seconds=None).to_json())
                content.update(json.dumps(said).encode())
            for path in sorted(Path(folder).rglob("*.npz")):
                content.update(path.read_bytes())
        return spent, content.hexdigest()

    return run


@dataclass(frozen=True)
class Side:
    """How samples are worked on, and on how many cores."""

    name: str
    at_once: AtOnce
    cores: int


def compare(
    record: Record, what: str, samples: Sequence[PairSample], run: Run, sides: tuple[Side, Side]
) -> None:
    """Before and after, in turn: all of it, and its pace after the first answers."""
    cores = sides[1].cores
    least, pace, contents = [float("inf")] * 2, [float("inf")] * 2, set()
    for turn in range(2):
        for place in (0, 1) if turn % 2 == 0 else (1, 0):
            with mock.patch.dict(os.environ, {CORES: str(sides[place].cores)}):
                spent, content = run(samples, sides[place].at_once)
            least[place] = min(least[place], spent[-1])
            pace[place] = min(pace[place], (spent[-1] - spent[cores - 1]) / (len(spent) - cores))
            contents.add(content)
    size = f"{len(samples)} sequences of {len(samples[0].image_paths)} views, {sides[1].name}"
    parity = "the same bits in the same order" if len(contents) == 1 else "OTHER RECORDS"
    record.add(Ratio(f"Samples at a time, {what}", size, sides[0].name, least[1], least[0], parity))
    record.add(
        Ratio(f"The same, a sample after the start, {what}", size, sides[0].name, pace[1], pace[0], "", 1.7)
    )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("samples", __doc__ or "", argv)
    cores, data = usable_cores(), SampleConfig()
    if record.quick:
        # Few more than cores would be done when all have begun.
        data = SampleConfig(pairs=max(16, 8 * cores), frames=3, width=96, height=72)
    sequences = load_pairs(data, InputConfig("interpolated"))[: max(20, 2 * cores)]
    pairs = load_pairs(SampleConfig(), InputConfig("pair"))
    sfm, network = predicted(model_config("sfm")), model_config("dust3r", device="cpu")
    dust3r = predicted(network)
    # Libraries are loaded for both.
    sfm(pairs[:1], AtOnce(1))
    dust3r(pairs[:1], AtOnce(1))
    one = Side("one after the other on one core", AtOnce(1), 1)
    compare(record, "sfm", sequences, sfm, (one, Side(f"{cores} threads", AtOnce(cores), cores)))
    one = Side("one after the other", AtOnce(1), cores)
    beside = AtOnce(cores, 1, threads=1, make=(make_model, (network, None)))
    compare(record, "small DUSt3R", sequences, dust3r, (one, Side(f"{cores} processes", beside, cores)))
    sizes = [10, 40] if record.quick else [10, 20, 40]
    spent = [min(sfm(pairs[:count], AtOnce(cores))[0][-1] for _ in range(2)) for count in sizes]
    record.scaling(Scaling("Poses of pairs by sfm", "samples", [*map(float, sizes)], spent))
    record.save()


if __name__ == "__main__":
    main()
