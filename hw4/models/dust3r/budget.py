"""Whether the predictions for all pairs of a scene graph fit into memory, told before they are made."""

from collections.abc import Sequence

from hw4.core.memory import free_bytes
from hw4.models.base import ReconstructionFailed

# Measured peak of inference and alignment on a CPU per predicted point: 32.8 at 40 views of 128x96.
BYTES_PER_POINT = 34


def check_budget(shapes: Sequence[tuple[int, int]], edges: Sequence[tuple[int, int]]) -> None:
    """Refuse what would not fit, with what would.

    Args:
        shapes: heights and widths of the N views, as the network sees them.
        edges: ordered pairs of views; each predicts a point for every pixel of both.

    Raises:
        ReconstructionFailed: the host's free memory is smaller than the estimate.
    """
    free = free_bytes()
    areas = [height * width for height, width in shapes]
    needed = BYTES_PER_POINT * sum(areas[first] + areas[second] for first, second in edges)
    if free is None or needed <= free:
        return
    n = len(shapes)
    # A window of k predicts 2k ordered pairs a view.
    window = int(free / (BYTES_PER_POINT * 4 * sum(areas)))
    graph = f"model.alignment.scene_graph=swin-{window}" if window else "a smaller model.image_size"
    # The largest m of m (m - 1) ordered pairs of views of the mean size.
    pairs = free / (BYTES_PER_POINT * 2 * sum(areas) / n)
    views = int((1 + (1 + 4 * pairs) ** 0.5) / 2)
    raise ReconstructionFailed(
        f"{len(edges)} pairs of {n} views need about {needed / 1e9:.1f} GB for their points, and "
        f"{free / 1e9:.1f} GB are free; use {graph}, or at most {views} views in a complete graph"
    )
