"""Front-to-back alpha blending of depth-sorted Gaussians in tiles, forward and backward, in numba.

Kerbl et al. 2023, section 6, with gsplat's constants: ``alpha = min(0.999, opacity exp(-sigma))``, contributions
under 1/255 are skipped, and a pixel is finished before its transmittance would fall to 1e-4.

A tile's state lies in one flat buffer, row by row, with a fixed distance between its fields, so that the loop
over the pixels of a row compiles to vector instructions. Nothing is shared between tiles: gradients go to one
slot per (Gaussian, tile) and are summed per Gaussian afterwards, always in the same order.
"""

import math

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from hw4.splat.rasterize.binning import (
    CONIC_A,
    CONIC_B,
    CONIC_C,
    EXTENT_Y,
    MEAN_X,
    MEAN_Y,
    OPACITY,
    TILE_H,
    TILE_W,
)

MAX_ALPHA = 0.999
MIN_ALPHA = 1.0 / 255.0
MIN_TRANSMITTANCE = 1e-4
N_GEOMETRY = 6
"""Gradients per slot before the colours: mean x, mean y, conic a, b, c, opacity."""

# Reassociation and contraction only: NaN and infinity keep their meaning.
FAST = {"contract", "reassoc", "nsz", "arcp"}


def _neg_exp(x):  # type: ignore[no-untyped-def]
    """``exp(-x)`` for x >= 0 that vectorises; float32 with relative error below 2e-6 for x <= 8."""
    raise NotImplementedError


@overload(_neg_exp, inline="always")
def _neg_exp_typed(x):  # type: ignore[no-untyped-def]
    if x == types.float32:

        def kernel(x):  # type: ignore[no-untyped-def]
            # exp(-x) = exp(-x/8)^8, the inner one by its series on [0, 1].
            u = min(x, np.float32(8.0)) * np.float32(-0.125)
            p = np.float32(1.0 / 40320.0)
            p = p * u + np.float32(1.0 / 5040.0)
            p = p * u + np.float32(1.0 / 720.0)
            p = p * u + np.float32(1.0 / 120.0)
            p = p * u + np.float32(1.0 / 24.0)
            p = p * u + np.float32(1.0 / 6.0)
            p = p * u + np.float32(0.5)
            p = p * u + np.float32(1.0)
            p = p * u + np.float32(1.0)
            p = p * p
            p = p * p
            return p * p

    else:

        def kernel(x):  # type: ignore[no-untyped-def]
            return math.exp(-min(x, 700.0))

    return kernel


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy")
def blend_forward(  # type: ignore[no-untyped-def]
    packed, colors, tile_offsets, ranks, schedule, n_jobs, tiles_x, render_colors, render_t, last
):
    """Render one image.

    Args:
        packed: (V, 8) depth-sorted Gaussians.
        colors: (V, D) their colours.
        tile_offsets, ranks: from `tile_lists`.
        schedule: (T,) tiles, costly ones first.
        n_jobs: tiles are dealt to that many parallel jobs.
        tiles_x: tiles in a row.
        render_colors: (H, W, D), filled.
        render_t: (H, W), filled with the transmittance left.
        last: (H, W) int32, filled with the last contributing entry of the pixel's tile, -1 for none.
    """
    height, width, channels = render_colors.shape
    f = packed.dtype.type
    zero, half, one = f(0), f(0.5), f(1)
    max_alpha, min_alpha, min_t = f(MAX_ALPHA), f(MIN_ALPHA), f(MIN_TRANSMITTANCE)
    row_size = (3 + channels) * TILE_W
    for job in prange(n_jobs):
        buf = np.empty(TILE_H * row_size, packed.dtype)
        for turn in range(job, schedule.shape[0], n_jobs):
            tile = schedule[turn]
            origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
            rows, cols = min(TILE_H, height - origin_y), min(TILE_W, width - origin_x)
            start, end = tile_offsets[tile], tile_offsets[tile + 1]
            # A negative transmittance marks a finished pixel; pixels outside the image start finished.
            for y in range(rows):
                o = np.uintp(y * row_size)
                for x in range(row_size):
                    buf[o + np.uintp(x)] = zero
                for x in range(TILE_W):
                    buf[o + np.uintp(x)] = one if x < cols else -one
                    buf[o + np.uintp(x + TILE_W)] = -one
            px0 = f(origin_x) + half
            for i in range(start, end):
                if (i - start) % 32 == 31:
                    alive = 0
                    for y in range(rows):
                        o = np.uintp(y * row_size)
                        for x in range(TILE_W):
                            alive += 1 if buf[o + np.uintp(x)] > zero else 0
                    if alive == 0:
                        break
                r = ranks[i]
                mx, my = packed[r, MEAN_X], packed[r, MEAN_Y]
                a, b, c = half * packed[r, CONIC_A], packed[r, CONIC_B], half * packed[r, CONIC_C]
                opacity, extent = packed[r, OPACITY], packed[r, EXTENT_Y]
                low = max(math.ceil(my - extent - f(origin_y) - f(0.501)), zero)
                high = min(math.floor(my + extent - f(origin_y) - f(0.499)), f(rows - 1))
                entry = f(i - start)
                for y in range(np.int64(low), np.int64(high) + 1):
                    o = np.uintp(y * row_size)
                    dy = f(origin_y + y) + half - my
                    bdy, cdy = b * dy, c * dy * dy
                    for x in range(TILE_W):
                        ix = o + np.uintp(x)
                        dx = px0 + f(x) - mx
                        sigma = dx * (a * dx + bdy) + cdy
                        alpha = min(max_alpha, opacity * _neg_exp(sigma))
                        t = buf[ix]
                        next_t = t * (one - alpha)
                        valid = (sigma >= zero) & (alpha >= min_alpha) & (t > zero)
                        adds = valid & (next_t > min_t)
                        buf[ix + np.uintp(2 * TILE_W)] = alpha * t if adds else zero
                        buf[ix + np.uintp(TILE_W)] = entry if adds else buf[ix + np.uintp(TILE_W)]
                        buf[ix] = next_t if adds else (-t if valid else t)
                    for k in range(channels):
                        color = colors[r, k]
                        ok = o + np.uintp((3 + k) * TILE_W)
                        for x in range(TILE_W):
                            buf[ok + np.uintp(x)] += color * buf[o + np.uintp(2 * TILE_W + x)]
            for y in range(rows):
                for x in range(cols):
                    o = np.uintp(y * row_size + x)
                    render_t[origin_y + y, origin_x + x] = abs(buf[o])
                    entry_of_tile = np.int32(buf[o + np.uintp(TILE_W)])
                    last[origin_y + y, origin_x + x] = entry_of_tile
                    for k in range(channels):
                        render_colors[origin_y + y, origin_x + x, k] = buf[o + np.uintp((3 + k) * TILE_W)]


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy")
def blend_backward(  # type: ignore[no-untyped-def]
    packed,
    colors,
    tile_offsets,
    ranks,
    slots,
    schedule,
    n_jobs,
    tiles_x,
    render_t,
    last,
    v_colors,
    v_alphas,
    slot_grads,
):
    """Gradients of a loss per (Gaussian, tile), back to front.

    Args:
        packed, colors, tile_offsets, ranks, schedule, n_jobs, tiles_x: as in `blend_forward`.
        slots: from `tile_lists`.
        render_t, last: results of `blend_forward`.
        v_colors: (H, W, D) gradient of the loss in the rendered colours.
        v_alphas: (H, W) gradient of the loss in the rendered alphas.
        slot_grads: (M, 6 + D), zeros; filled with gradients in mean, conic, opacity and colours.
    """
    height, width, channels = v_colors.shape
    f = packed.dtype.type
    zero, half, one = f(0), f(0.5), f(1)
    max_alpha, min_alpha = f(MAX_ALPHA), f(MIN_ALPHA)
    # Fields of a row: transmittance, last entry, suffix (what lies behind, dotted with the gradient),
    # colour dotted with the gradient, weight, then the gradient's channels.
    row_size = (5 + channels) * TILE_W
    for job in prange(n_jobs):
        buf = np.empty(TILE_H * row_size, packed.dtype)
        sums = np.empty((3 + channels) * TILE_W, packed.dtype)
        for turn in range(job, schedule.shape[0], n_jobs):
            tile = schedule[turn]
            origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
            rows, cols = min(TILE_H, height - origin_y), min(TILE_W, width - origin_x)
            start = tile_offsets[tile]
            deepest = -1
            for y in range(rows):
                o = np.uintp(y * row_size)
                for x in range(row_size):
                    buf[o + np.uintp(x)] = zero
                for x in range(TILE_W):
                    buf[o + np.uintp(TILE_W + x)] = -one
                for x in range(cols):
                    ox = o + np.uintp(x)
                    t = render_t[origin_y + y, origin_x + x]
                    entry_of_pixel = last[origin_y + y, origin_x + x]
                    deepest = max(deepest, entry_of_pixel)
                    buf[ox] = t
                    buf[ox + np.uintp(TILE_W)] = f(entry_of_pixel)
                    buf[ox + np.uintp(2 * TILE_W)] = -t * v_alphas[origin_y + y, origin_x + x]
                    for k in range(channels):
                        buf[ox + np.uintp((5 + k) * TILE_W)] = v_colors[origin_y + y, origin_x + x, k]
            px0 = f(origin_x) + half
            for i in range(start + deepest, start - 1, -1):
                r = ranks[i]
                mx, my = packed[r, MEAN_X], packed[r, MEAN_Y]
                a, b, c = half * packed[r, CONIC_A], packed[r, CONIC_B], half * packed[r, CONIC_C]
                opacity, extent = packed[r, OPACITY], packed[r, EXTENT_Y]
                low = max(math.ceil(my - extent - f(origin_y) - f(0.501)), zero)
                high = min(math.floor(my + extent - f(origin_y) - f(0.499)), f(rows - 1))
                entry = f(i - start)
                for x in range((3 + channels) * TILE_W):
                    sums[np.uintp(x)] = zero
                for y in range(np.int64(low), np.int64(high) + 1):
                    o = np.uintp(y * row_size)
                    dy = f(origin_y + y) + half - my
                    bdy, cdy = b * dy, c * dy * dy
                    for x in range(TILE_W):
                        buf[o + np.uintp(3 * TILE_W + x)] = zero
                    for k in range(channels):
                        color = colors[r, k]
                        ok = o + np.uintp((5 + k) * TILE_W)
                        for x in range(TILE_W):
                            buf[o + np.uintp(3 * TILE_W + x)] += color * buf[ok + np.uintp(x)]
                    for x in range(TILE_W):
                        ix = o + np.uintp(x)
                        dx = px0 + f(x) - mx
                        sigma = dx * (a * dx + bdy) + cdy
                        falloff = opacity * _neg_exp(sigma)
                        alpha = min(max_alpha, falloff)
                        valid = (sigma >= zero) & (alpha >= min_alpha) & (entry <= buf[ix + np.uintp(TILE_W)])
                        inverse = one / (one - alpha)
                        t = buf[ix] * inverse
                        suffix = buf[ix + np.uintp(2 * TILE_W)]
                        dot = buf[ix + np.uintp(3 * TILE_W)]
                        weight = alpha * t
                        v_alpha = dot * t - suffix * inverse
                        v_sigma = -falloff * v_alpha if valid & (falloff <= max_alpha) else zero
                        buf[ix] = t if valid else buf[ix]
                        buf[ix + np.uintp(2 * TILE_W)] = suffix + weight * dot if valid else suffix
                        buf[ix + np.uintp(4 * TILE_W)] = weight if valid else zero
                        sums[np.uintp(x)] += v_sigma
                        sums[np.uintp(TILE_W + x)] += v_sigma * dy
                        sums[np.uintp(2 * TILE_W + x)] += v_sigma * dy * dy
                    for k in range(channels):
                        ok = o + np.uintp((5 + k) * TILE_W)
                        for x in range(TILE_W):
                            sums[np.uintp((3 + k) * TILE_W + x)] += (
                                buf[o + np.uintp(4 * TILE_W + x)] * buf[ok + np.uintp(x)]
                            )
                m0 = m_x = m_y = m_xx = m_xy = m_yy = zero
                for x in range(TILE_W):
                    dx = px0 + f(x) - mx
                    s0, s1 = sums[np.uintp(x)], sums[np.uintp(TILE_W + x)]
                    m0 += s0
                    m_x += s0 * dx
                    m_xx += s0 * dx * dx
                    m_y += s1
                    m_xy += s1 * dx
                    m_yy += sums[np.uintp(2 * TILE_W + x)]
                slot = slots[i]
                slot_grads[slot, 0] = -(f(2) * a * m_x + b * m_y)
                slot_grads[slot, 1] = -(b * m_x + f(2) * c * m_y)
                slot_grads[slot, 2] = half * m_xx
                slot_grads[slot, 3] = m_xy
                slot_grads[slot, 4] = half * m_yy
                slot_grads[slot, 5] = -m0 / opacity
                for k in range(channels):
                    total = zero
                    for x in range(TILE_W):
                        total += sums[np.uintp((3 + k) * TILE_W + x)]
                    slot_grads[slot, N_GEOMETRY + k] = total


@njit(parallel=True, cache=True, error_model="numpy")
def gather_gradients(  # type: ignore[no-untyped-def]
    order, slot_offsets, slot_grads, v_means2d, v_conics, v_opacities, v_colors
):
    """Sum the slots of each visible Gaussian into (N, ...) gradients."""
    channels = v_colors.shape[1]
    for r in prange(order.shape[0]):
        g = order[r]
        for slot in range(slot_offsets[r], slot_offsets[r + 1]):
            v_means2d[g, 0] += slot_grads[slot, 0]
            v_means2d[g, 1] += slot_grads[slot, 1]
            v_conics[g, 0] += slot_grads[slot, 2]
            v_conics[g, 1] += slot_grads[slot, 3]
            v_conics[g, 2] += slot_grads[slot, 4]
            v_opacities[g] += slot_grads[slot, 5]
            for k in range(channels):
                v_colors[g, k] += slot_grads[slot, N_GEOMETRY + k]


def tile_schedule(tile_offsets: np.ndarray, n_jobs: int) -> np.ndarray:
    """Order (T,) of tiles such that job ``j``, which takes every ``n_jobs``-th one, gets a fair share of entries."""
    by_cost = np.argsort(-np.diff(tile_offsets), kind="stable")
    for begin in range(n_jobs, len(by_cost), 2 * n_jobs):
        by_cost[begin : begin + n_jobs] = by_cost[begin : begin + n_jobs][::-1].copy()
    return by_cost
