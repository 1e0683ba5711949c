"""Which Gaussians touch which tile, nearest first, in numba.

Visible Gaussians are sorted once by depth; a stable counting sort then deals them to tiles, so every tile's
list is in depth order without a sort per tile. The result does not depend on the number of threads.
"""

import math

import numpy as np

from hw4.splat.rasterize.compiled import kernel
from hw4.splat.rasterize.threads import in_turn, spread

TILE_W = 8
TILE_H = 32
"""Tile size in pixels. Wider ones waste pixels, smaller ones repeat Gaussians; a row is one vector of AVX."""

CHUNK = 2048
"""Gaussians per chunk of the counting sort."""

MEAN_X, MEAN_Y, CONIC_A, CONIC_B, CONIC_C, OPACITY, EXTENT_Y, POWER = range(8)
"""Columns of the packed image-plane Gaussians. POWER is the sigma at which alpha falls to 1/255."""
N_PACKED = 8


@kernel(nogil=True)
def depth_order(bits, radii):  # type: ignore[no-untyped-def]
    """Indices (V,) int64 of visible entries, nearest first; equal depths keep their order.

    `bits` (M,) are the depths, which are positive, seen as unsigned integers: a least-significant-digit radix
    sort orders them as it would the floats.
    """
    n_visible = 0
    for i in range(bits.shape[0]):
        if radii[i, 0] > 0:
            n_visible += 1
    order = np.empty(n_visible, np.int64)
    j = 0
    for i in range(bits.shape[0]):
        if radii[i, 0] > 0:
            order[j] = i
            j += 1
    keys = np.empty(n_visible, np.uint64)
    low, high = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)
    for j in range(n_visible):
        keys[j] = np.uint64(bits[order[j]])
        low, high = min(low, keys[j]), max(high, keys[j])
    n_bits = 0
    digit = np.int64(0)
    if n_visible > 0:
        while n_bits < 64 and (high - low) >> np.uint64(n_bits) != np.uint64(0):
            n_bits += 1
    other_order, other_keys = np.empty_like(order), np.empty_like(keys)
    for shift in range(0, n_bits, 11):
        counts = np.zeros(2049, np.int64)
        for j in range(n_visible):
            counts[np.int64(((keys[j] - low) >> np.uint64(shift)) & np.uint64(2047)) + 1] += 1
        for bucket in range(2048):
            counts[bucket + 1] += counts[bucket]
        for j in range(n_visible):
            digit = np.int64(((keys[j] - low) >> np.uint64(shift)) & np.uint64(2047))
            other_keys[counts[digit]], other_order[counts[digit]] = keys[j], order[j]
            counts[digit] += 1
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
    return order


@kernel(nogil=True, error_model="numpy")
def _pack(first, stop, order, means2d, conics, opacities, extents, colors, packed, sorted_colors):  # type: ignore[no-untyped-def]
    """Gather what blending reads of visible Gaussians, in depth order: the chunks first <= chunk < stop."""
    f = packed.dtype.type
    for r in range(first * CHUNK, min(order.shape[0], stop * CHUNK)):
        g = order[r]
        packed[r, MEAN_X], packed[r, MEAN_Y] = means2d[g, 0], means2d[g, 1]
        packed[r, CONIC_A], packed[r, CONIC_B], packed[r, CONIC_C] = conics[g, 0], conics[g, 1], conics[g, 2]
        packed[r, OPACITY] = opacities[g]
        packed[r, EXTENT_Y] = extents[g, 1]
        packed[r, POWER] = f(math.log(max(opacities[g] * f(255.0), f(1.0))))
        for k in range(colors.shape[1]):
            sorted_colors[r, k] = colors[g, k]


@kernel(forceinline=True)
def _tile_range(low, high, size, n_tiles):  # type: ignore[no-untyped-def]
    """First tile and one past the last tile that hold a pixel centre within [low, high]."""
    first = math.ceil(max(min(low, 1e9), -1e9) - 0.5)
    last = math.floor(max(min(high, 1e9), -1e9) - 0.5)
    if last < 0 or first >= n_tiles * size or last < first:
        return 0, 0
    return max(0, first) // size, min(n_tiles - 1, last // size) + 1


@kernel(forceinline=True)
def _row_tiles(p, r, tile_y, tiles_x):  # type: ignore[no-untyped-def]
    """Range of tiles that Gaussian `r`'s ellipse (alpha = 1/255) touches in one row of tiles.

    The ellipse's x over a band of y is extreme either at the ellipse's own leftmost and rightmost points,
    where these lie in the band, or on the band's edges.
    """
    mx, my = float(p[r, MEAN_X]), float(p[r, MEAN_Y])
    a, b, c = float(p[r, CONIC_A]), float(p[r, CONIC_B]), float(p[r, CONIC_C])
    # Slack, so that rounding never drops a pixel that blending would have accepted.
    power = float(p[r, POWER]) * (1.0 + 1e-4) + 1e-4
    det = a * c - b * b
    if not (det > 0.0):
        return 0, tiles_x
    top = tile_y * TILE_H + 0.5 - my
    bottom = top + (TILE_H - 1)
    extent_x = math.sqrt(2.0 * power * c / det)
    extent_y = math.sqrt(2.0 * power * a / det)
    top, bottom = max(top, -extent_y), min(bottom, extent_y)
    if top > bottom:
        return 0, 0
    # The rightmost point lies at dy = -b / c * extent_x, the leftmost at its mirror image.
    dy_right = -b / c * extent_x
    y = min(max(dy_right, top), bottom)
    right = (-b * y + math.sqrt(max(0.0, b * b * y * y - a * (c * y * y - 2.0 * power)))) / a
    y = min(max(-dy_right, top), bottom)
    left = (-b * y - math.sqrt(max(0.0, b * b * y * y - a * (c * y * y - 2.0 * power)))) / a
    return _tile_range(mx + left, mx + right, TILE_W, tiles_x)


@kernel(nogil=True, error_model="numpy")
def _count(first_chunk, stop_chunk, packed, tiles_x, tiles_y, chunk_counts, per_gaussian):  # type: ignore[no-untyped-def]
    n = packed.shape[0]
    for chunk in range(first_chunk, stop_chunk):
        counts = chunk_counts[chunk]
        for r in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            my, ey = float(packed[r, MEAN_Y]), float(packed[r, EXTENT_Y]) * (1.0 + 1e-4) + 1e-4
            first, end = _tile_range(my - ey, my + ey, TILE_H, tiles_y)
            total = 0
            for tile_y in range(first, end):
                left, right = _row_tiles(packed, r, tile_y, tiles_x)
                for tile_x in range(left, right):
                    counts[tile_y * tiles_x + tile_x] += 1
                total += right - left
            per_gaussian[r] = total


@kernel(nogil=True)
def _offsets(chunk_counts, per_gaussian, tile_offsets, slot_offsets):  # type: ignore[no-untyped-def]
    """Turn counts into starts, in place: per tile then per chunk, and per Gaussian."""
    position = 0
    for tile in range(chunk_counts.shape[1]):
        tile_offsets[tile] = position
        for chunk in range(chunk_counts.shape[0]):
            count = chunk_counts[chunk, tile]
            chunk_counts[chunk, tile] = position
            position += count
    tile_offsets[chunk_counts.shape[1]] = position
    slot = 0
    for r in range(per_gaussian.shape[0]):
        slot_offsets[r] = slot
        slot += per_gaussian[r]
    slot_offsets[per_gaussian.shape[0]] = slot


@kernel(nogil=True, error_model="numpy")
def _place(first_chunk, stop_chunk, packed, tiles_x, tiles_y, starts, slot_offsets, ranks, slots):  # type: ignore[no-untyped-def]
    n = packed.shape[0]
    for chunk in range(first_chunk, stop_chunk):
        position = starts[chunk]
        for r in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            my, ey = float(packed[r, MEAN_Y]), float(packed[r, EXTENT_Y]) * (1.0 + 1e-4) + 1e-4
            first, end = _tile_range(my - ey, my + ey, TILE_H, tiles_y)
            slot = slot_offsets[r]
            for tile_y in range(first, end):
                left, right = _row_tiles(packed, r, tile_y, tiles_x)
                for tile_x in range(left, right):
                    tile = tile_y * tiles_x + tile_x
                    ranks[position[tile]] = r
                    slots[position[tile]] = slot
                    position[tile] += 1
                    slot += 1


def tile_lists(
    given: tuple[np.ndarray, ...], tiles_x: int, tiles_y: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pack depth-sorted Gaussians and deal them to tiles.

    Args:
        given: ``(order (V,), means2d (N, 2), conics (N, 3), opacities (N,), extents (N, 2), colors (N, D),
            packed (V, 8), sorted_colors (V, D))``; the last two are filled.
        tiles_x: tiles in a row.
        tiles_y: rows of tiles.

    Returns:
        ``(tile_offsets (T+1,), ranks (M,), slots (M,), slot_offsets (V+1,))``. The entries of tile ``t`` are
        ``tile_offsets[t] <= i < tile_offsets[t+1]``; ``ranks[i]`` is its row in `packed`, ``slots[i]`` its
        place in a list grouped by Gaussian, whose group ``r`` starts at ``slot_offsets[r]``.
    """
    n, n_tiles, packed = len(given[0]), tiles_x * tiles_y, given[-2]
    n_chunks = -(-n // CHUNK)
    chunk_counts = np.zeros((max(1, n_chunks), n_tiles), np.int64)
    per_gaussian = np.empty(n, np.int64)
    tile_offsets = np.empty(n_tiles + 1, np.int64)
    slot_offsets = np.empty(n + 1, np.int64)
    count = (_count, packed, tiles_x, tiles_y, chunk_counts, per_gaussian)
    spread(in_turn((_pack, *given), count), n_chunks)
    _offsets(chunk_counts, per_gaussian, tile_offsets, slot_offsets)
    ranks = np.empty(tile_offsets[-1], np.int32)
    slots = np.empty(tile_offsets[-1], np.int64)
    spread(_place, n_chunks, packed, tiles_x, tiles_y, chunk_counts, slot_offsets, ranks, slots)
    return tile_offsets, ranks, slots, slot_offsets


def tile_schedule(tile_offsets: np.ndarray, n_jobs: int) -> np.ndarray:
    """Order (T,) of tiles such that job ``j``, taking every ``n_jobs``-th, gets a fair share of entries."""
    by_cost = np.argsort(-np.diff(tile_offsets), kind="stable")
    for begin in range(n_jobs, len(by_cost), 2 * n_jobs):
        by_cost[begin : begin + n_jobs] = by_cost[begin : begin + n_jobs][::-1].copy()
    return by_cost
