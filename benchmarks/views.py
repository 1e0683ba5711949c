"""DUSt3R on many views: memory per predicted point, and cost against the number of views.

    python -m benchmarks.views [--quick]

The small network on photos of 128x96, complete graph, few iterations of the alignment, one thread. Bytes per
point are the growth of the process's peak from the fewest views to the most, divided by the points that are
predicted more: what the process holds anyway is in both.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.measure import Record, Scaling, start
from hw4.core.memory import peak_memory
from hw4.models.dust3r.budget import BYTES_PER_HALF_POINT, BYTES_PER_POINT, BYTES_UPSTREAM
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from tests.support.pointmap_networks import make_photos

WIDTH, HEIGHT = 128, 96
CONFIG = Dust3rConfig(
    weights="tiny", device="cpu", image_size=WIDTH, alignment=AlignmentConfig(iterations=10)
)
KINDS = {
    "one copy in float32": (CONFIG.alignment, BYTES_PER_POINT),
    "one copy in float16": (replace(CONFIG.alignment, precision="float16"), BYTES_PER_HALF_POINT),
    "upstream's loop": (replace(CONFIG.alignment, backend="upstream"), BYTES_UPSTREAM),
}


def measured(alignment: AlignmentConfig, n: int) -> tuple[int, float, int]:
    """Peak bytes, CPU seconds and predicted points of n views."""
    model = Dust3rModel.from_config(replace(CONFIG, alignment=alignment))
    with TemporaryDirectory() as folder:
        views = model.load_views(make_photos(Path(folder), n, ((2 * WIDTH, 2 * HEIGHT),)))
    began = time.process_time()
    with peak_memory() as peak:
        model.reconstruct_views(views)
    assert peak.host_bytes is not None
    return peak.host_bytes, time.process_time() - began, n * (n - 1) * 2 * WIDTH * HEIGHT


def kind(record: Record, name: str, counts: Sequence[int]) -> None:
    alignment, expected = KINDS[name]
    measured(alignment, 3)
    found = [measured(alignment, n) for n in counts]
    per_point = (found[-1][0] - found[0][0]) / (found[-1][2] - found[0][2])
    record.fact(
        f"{name}: {per_point:.1f} bytes per predicted point, from {counts[0]} to {counts[-1]} views "
        f"(the estimate before a run takes {expected})"
    )
    if len(counts) > 2 and alignment is CONFIG.alignment:
        spent = [one[1] for one in found]
        what = "DUSt3R, tiny, complete graph, 10 iterations"
        record.scaling(Scaling(what, "views", [float(n) for n in counts], spent))


def main(argv: Sequence[str] | None = None) -> None:
    record = start("views", __doc__ or "", argv)
    torch.set_num_threads(1)
    for name in KINDS:
        full = [12, 24] if "upstream" in name else [10, 20, 40]
        kind(record, name, [8, 14] if record.quick else full)
    record.save()


if __name__ == "__main__":
    main()
