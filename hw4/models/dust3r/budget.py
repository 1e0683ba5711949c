"""Whether the predictions for all pairs of a scene graph fit into memory, told before they are made."""

from collections.abc import Sequence

import torch

from hw4.core.memory import free_bytes
from hw4.models.base import NoRoom
from hw4.models.dust3r.predictions import Edge, Shape, n_points

# Measured peaks of inference and alignment on a CPU per predicted point; with upstream's loop, too.
BYTES_PER_POINT, BYTES_PER_HALF_POINT, BYTES_UPSTREAM = 22, 13, 90
# What the alignment on a GPU has beside the points: see `hw4.models.dust3r.device_aligner`.
DEVICE_BESIDE = 4 * 2**30


def check_budget(shapes: Sequence[Shape], edges: Sequence[Edge], bytes_per_point: int) -> None:
    """Refuse what would not fit, with what would.

    Args:
        shapes: heights and widths of the N views, as the network sees them.
        edges: ordered pairs of views; each predicts a point for every pixel of both.
        bytes_per_point: that the peak of memory grows by.

    Raises:
        NoRoom: the host's free memory is smaller than the estimate.
    """
    free = free_bytes()
    areas = [height * width for height, width in shapes]
    needed = bytes_per_point * n_points(shapes, edges)
    if free is None or needed <= free:
        return
    n = len(shapes)
    # A window of k predicts 2k ordered pairs a view.
    window = int(free / (bytes_per_point * 4 * sum(areas)))
    graph = f"model.alignment.scene_graph=swin-{window}" if window else "a smaller model.image_size"
    # The largest m of m (m - 1) ordered pairs of views of the mean size.
    pairs = free / (bytes_per_point * 2 * sum(areas) / n)
    views = int((1 + (1 + 4 * pairs) ** 0.5) / 2)
    fits_as_half = BYTES_PER_HALF_POINT * n_points(shapes, edges) <= free
    half = ", model.alignment.precision=float16" if fits_as_half else ""
    raise NoRoom(
        f"{len(edges)} pairs of {n} views need about {needed / 1e9:.1f} GB for their points, and "
        f"{free / 1e9:.1f} GB are free; use {graph}{half}, or at most {views} views in a complete graph"
    )


def alignment_device(device: torch.device, n_bytes: int) -> torch.device:
    """Where the alignment runs: the network's device, but the CPU where the predictions do not fit there."""
    if device.type != "cuda":
        return device
    free, _ = torch.cuda.mem_get_info(device)
    return device if n_bytes + DEVICE_BESIDE <= free else torch.device("cpu")
