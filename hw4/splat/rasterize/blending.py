"""Front-to-back alpha blending of depth-sorted Gaussians in tiles, in numba.

Kerbl et al. 2023, section 6, with gsplat's constants: ``alpha = min(0.999, opacity exp(-sigma))``,
contributions under 1/255 are skipped, and a pixel is finished before its transmittance would fall to 1e-4.

A tile's state lies in one flat buffer with a constant distance between its fields, so that the loops over its
pixels compile to vector instructions. Nothing is shared between tiles.
"""

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

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
PIXELS = TILE_W * TILE_H
FUSED = 3
"""Channels that the loops over pixels take along; further ones have loops of their own."""

# Reassociation and contraction only: NaN and infinity keep their meaning.
FAST = {"contract", "reassoc", "nsz", "arcp"}


def neg_exp(x):  # type: ignore[no-untyped-def]
    """``exp(-x)`` for x >= 0 that vectorises; float32 with relative error below 3e-6 for x <= 8."""
    raise NotImplementedError


@overload(neg_exp, inline="always")
def _neg_exp_typed(x):  # type: ignore[no-untyped-def]
    if x == types.float32:

        def kernel(x):  # type: ignore[no-untyped-def]
            # exp(-x) = exp(-x/8)^8, the inner one by a polynomial of least relative error on [0, 8], 1 at 0.
            x = min(x, np.float32(8.0))
            p = np.float32(3.210909316209154e-09)
            p = p * x + np.float32(-2.3296199458400224e-07)
            p = p * x + np.float32(1.0059155101771466e-05)
            p = p * x + np.float32(-3.2520745298825204e-04)
            p = p * x + np.float32(7.812092080712318e-03)
            p = p * x + np.float32(-1.2499982118606567e-01)
            p = p * x + np.float32(1.0)
            p = p * p
            p = p * p
            return p * p

    else:

        def kernel(x):  # type: ignore[no-untyped-def]
            return math.exp(-min(x, 700.0))

    return kernel


def _select(typing_context, condition, yes, no):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.select(*arguments)

    return yes(types.boolean, yes, yes), generate


select: Any = intrinsic(_select)
"""``select(condition, yes, no)``: one of two numbers of a type, both computed.

Never a branch, which LLVM would thread through the loop and turn into masked stores.
"""


@njit(cache=True, forceinline=True)
def pixel_range(mean_y, extent, origin_y, rows):  # type: ignore[no-untyped-def]
    """First pixel and one past the last pixel of a tile in the rows within `extent` of `mean_y`."""
    f = type(mean_y)
    low = max(math.ceil(mean_y - extent - f(origin_y) - f(0.501)), f(0))
    high = min(math.floor(mean_y + extent - f(origin_y) - f(0.499)), f(rows - 1))
    return np.uintp(np.int64(low) * TILE_W), np.uintp(max(np.int64(low), np.int64(high) + 1) * TILE_W)


@njit(cache=True, forceinline=True)
def first_channels(colors, r, channels, zero):  # type: ignore[no-untyped-def]
    """The first `FUSED` channels of a Gaussian; 0 for those that there are not."""
    return (
        colors[r, 0] if channels > 0 else zero,
        colors[r, 1] if channels > 1 else zero,
        colors[r, 2] if channels > 2 else zero,
    )


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def blend_forward(  # type: ignore[no-untyped-def]
    first_job,
    stop_job,
    packed,
    colors,
    tile_offsets,
    ranks,
    schedule,
    n_jobs,
    tiles_x,
    render_colors,
    render_t,
    last,
):
    """Render one image: the jobs first_job <= job < stop_job of its `n_jobs`.

    Args:
        packed: (V, 8) depth-sorted Gaussians.
        colors: (V, D) their colours.
        tile_offsets, ranks: from `tile_lists`.
        schedule: (T,) tiles, from `tile_schedule`.
        n_jobs: tiles are dealt to that many jobs.
        tiles_x: tiles in a row.
        render_colors: (H, W, D), filled.
        render_t: (H, W), filled with the transmittance left.
        last: (H, W) int32, filled with the last contributing entry of the pixel's tile, -1 for none.
    """
    height, width, channels = render_colors.shape
    f = packed.dtype.type
    zero, half, one = f(0), f(0.5), f(1)
    max_alpha, min_alpha, min_t = f(MAX_ALPHA), f(MIN_ALPHA), f(MIN_TRANSMITTANCE)
    for job in range(first_job, stop_job):
        # Fields of PIXELS values: transmittance, last entry, weight, x, y, then `FUSED` channels or more.
        buf = np.empty((5 + max(channels, FUSED)) * PIXELS, packed.dtype)
        for turn in range(job, schedule.shape[0], n_jobs):
            tile = schedule[turn]
            origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
            rows, cols = min(TILE_H, height - origin_y), min(TILE_W, width - origin_x)
            start, end = tile_offsets[tile], tile_offsets[tile + 1]
            buf[:] = zero
            for y in range(TILE_H):
                for x in range(TILE_W):
                    p = y * TILE_W + x
                    # A negative transmittance marks a finished pixel; those outside the image start so.
                    buf[p] = one if x < cols and y < rows else -one
                    buf[PIXELS + p] = -one
                    buf[3 * PIXELS + p] = f(origin_x + x) + half
                    buf[4 * PIXELS + p] = f(origin_y + y) + half
            for i in range(start, end):
                if (i - start) % 32 == 31:
                    alive = zero
                    for p in range(PIXELS):
                        alive = max(alive, buf[p])
                    if alive <= zero:
                        break
                r = ranks[i]
                mx, my = packed[r, MEAN_X], packed[r, MEAN_Y]
                a, b, c = half * packed[r, CONIC_A], packed[r, CONIC_B], half * packed[r, CONIC_C]
                opacity = packed[r, OPACITY]
                entry = f(i - start)
                c0, c1, c2 = first_channels(colors, r, channels, zero)
                first, stop = pixel_range(my, packed[r, EXTENT_Y], origin_y, rows)
                for p in range(first, stop):
                    dx = buf[p + np.uintp(3 * PIXELS)] - mx
                    dy = buf[p + np.uintp(4 * PIXELS)] - my
                    sigma = dx * (a * dx + b * dy) + c * dy * dy
                    alpha = min(max_alpha, opacity * neg_exp(sigma))
                    t = buf[p]
                    next_t = t * (one - alpha)
                    valid = (sigma >= zero) & (alpha >= min_alpha) & (t > zero)
                    adds = valid & (next_t > min_t)
                    weight = select(adds, alpha * t, zero)
                    buf[p + np.uintp(2 * PIXELS)] = weight
                    buf[p + np.uintp(5 * PIXELS)] += c0 * weight
                    buf[p + np.uintp(6 * PIXELS)] += c1 * weight
                    buf[p + np.uintp(7 * PIXELS)] += c2 * weight
                    # Products: what is either new or old would be stored through a mask, which takes as long
                    # as all the rest.
                    before = buf[p + np.uintp(PIXELS)]
                    buf[p + np.uintp(PIXELS)] = before + select(adds, one, zero) * (entry - before)
                    buf[p] = t * select(adds, one - alpha, select(valid, -one, one))
                for k in range(FUSED, channels):
                    color = colors[r, k]
                    field = np.uintp((5 + k) * PIXELS)
                    for p in range(first, stop):
                        buf[p + field] += color * buf[p + np.uintp(2 * PIXELS)]
            for y in range(rows):
                for x in range(cols):
                    p = y * TILE_W + x
                    render_t[origin_y + y, origin_x + x] = abs(buf[p])
                    last[origin_y + y, origin_x + x] = np.int32(buf[PIXELS + p])
                    for k in range(channels):
                        render_colors[origin_y + y, origin_x + x, k] = buf[(5 + k) * PIXELS + p]
