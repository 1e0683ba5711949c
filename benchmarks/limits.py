"""What a CPU could reach at best in the blending loops: arithmetic in the first-level cache, memory traffic.

Every (Gaussian, pixel) that blending looks at needs one exponential among its operations; the rate of a loop
of nothing but exponentials says how many operations a second the machine does there. Every (Gaussian, tile)
pair has its gradients written once and read once, at best at the speed of a copy.
"""

import numpy as np
from numba import njit
from torch import Tensor

from benchmarks.measure import best
from hw4.splat.rasterize import rasterize
from hw4.splat.rasterize.binning import EXTENT_Y, MEAN_Y, TILE_H, TILE_W
from hw4.splat.rasterize.blending import exp_constants, neg_exp, row_range
from hw4.splat.rasterize.blending_backward import slot_width
from hw4.splat.rasterize.lanes import LANES, load, store
from tests.support.rasterizer_scenes import arguments

# Counted in hw4/splat/rasterize/blending*.py; a fused multiply-add, a comparison or a selection is one, loads
# and stores are none.
EXP_OPERATIONS = 9
FORWARD_OPERATIONS = 35
BACKWARD_OPERATIONS = 41


@njit(nogil=True, error_model="numpy")
def _exps(x, out, repeats):  # type: ignore[no-untyped-def]
    constants = exp_constants(x.dtype.type)
    for _ in range(repeats):
        for i in range(0, x.shape[0], LANES):
            store(out, i, neg_exp(load(x, i) + load(out, i), constants))


@njit(nogil=True, error_model="numpy")
def _count_lanes(packed, tile_offsets, ranks, ends, tiles_x, height, width):  # type: ignore[no-untyped-def]
    """(Gaussian, pixel) evaluations of the backward pass, which knows where each tile's last one is."""
    lanes = 0
    for tile in range(len(tile_offsets) - 1):
        origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
        rows = min(TILE_H, height - origin_y)
        deepest = 0
        for y in range(origin_y, origin_y + rows):
            for x in range(origin_x, min(width, origin_x + TILE_W)):
                deepest = max(deepest, ends[y, x])
        for i in range(tile_offsets[tile], tile_offsets[tile] + deepest):
            r = ranks[i]
            first, stop = row_range(packed[r, MEAN_Y], packed[r, EXTENT_Y], origin_y, rows)
            lanes += (stop - first) * TILE_W
    return lanes


def exp_per_second() -> float:
    """Exponentials per second of one thread, with the rasterizer's own function."""
    x = np.linspace(0.1, 6, 1024, dtype=np.float32)
    out = np.zeros_like(x)
    _exps(x, out, 1)
    repeats = 20_000
    return len(x) * repeats / best(lambda: _exps(x, out, repeats), 5)


def copied_bytes_per_second() -> float:
    """Bytes read and written per second by a copy that fits no cache."""
    source = np.ones(64 * 2**20 // 4, np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / best(lambda: np.copyto(target, source), 5)


def blend_limits(
    scene: dict[str, Tensor], width: int, height: int, forward_s: float, backward_s: float
) -> list[str]:
    """Sentences on the share of the limits that one thread's blending reaches.

    Args:
        scene: arguments of `rasterize`, SH colours of degree 3.
        width, height: in pixels.
        forward_s, backward_s: measured times of the two loops on one thread.
    """
    leaf = {name: value.clone().requires_grad_(name != "Ks") for name, value in scene.items()}
    colors, _, _ = rasterize(*arguments(**leaf, width=width, height=height, sh_degree=3), rasterizer="cpu")
    node = colors.grad_fn
    while type(node).__name__ != "BlendBackward":
        node = node.next_functions[0][0]
    (view,) = node.views
    tile_offsets, ranks = view.lists[:2]
    lanes = _count_lanes(view.packed, tile_offsets, ranks, view.ends, view.tiles_x, height, width)
    rate, copy = exp_per_second(), copied_bytes_per_second()
    channels = colors.shape[-1]
    traffic = 2 * 4 * len(ranks) * slot_width(channels)
    gathered = 4 * len(view.packed) * (view.packed.shape[1] + channels) + traffic
    shares = {
        name: (lanes * operations / EXP_OPERATIONS / rate / spent, lanes / rate / spent)
        for name, operations, spent in (
            ("forward", FORWARD_OPERATIONS, forward_s),
            ("backward", BACKWARD_OPERATIONS, backward_s),
        )
    }
    return [
        f"the machine's exp on one thread, in the first-level cache: {rate / 1e9:.2f} billion a second, "
        f"{EXP_OPERATIONS * rate / 1e9:.0f} billion operations",
        f"blending on one thread, {len(scene['means'])} Gaussians, {width}x{height}: "
        f"{lanes / 1e6:.1f} million (Gaussian, pixel) evaluations each way",
        *(
            f"blending {name}: {1e3 * spent:.1f} ms, {100 * share:.0f} % of the exp loop's rate; "
            f"its exponentials alone would take {100 * exps:.0f} % of the time"
            for (name, (share, exps)), spent in zip(shares.items(), (forward_s, backward_s), strict=True)
        ),
        f"blending's memory traffic, {gathered / 1e6:.1f} MB at a copy's {copy / 1e9:.1f} GB/s, would take "
        f"{100 * gathered / copy / (forward_s + backward_s):.0f} % of the time: arithmetic is the limit",
    ]
