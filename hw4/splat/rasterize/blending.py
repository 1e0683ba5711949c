"""Front-to-back alpha blending of depth-sorted Gaussians in tiles, in numba.

Kerbl et al. 2023, section 6, with gsplat's constants: ``alpha = min(0.999, opacity exp(-sigma))``,
contributions under 1/255 are skipped, and a pixel is finished before its transmittance would fall to 1e-4.

A row of a tile is as wide as a vector, see `lanes`. What the exponent owes to the columns is computed once
for all of a Gaussian's rows, and a tile's state lies in one flat buffer. Nothing is shared between tiles.
"""

import numpy as np
from numba import types
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
from hw4.splat.rasterize.compiled import kernel
from hw4.splat.rasterize.lanes import (
    Lanes,
    any_of,
    exp,
    held,
    load,
    minus_abs,
    ramp,
    select,
    splat,
    store,
)

MAX_ALPHA = 0.999
MIN_ALPHA = 1.0 / 255.0
MIN_TRANSMITTANCE = 1e-4
END, WEIGHT = TILE_W, 2 * TILE_W
COLORS = 3
FUSED = 3
"""Channels that the loops over rows take along; further ones have loops of their own."""


def exp_constants(f):  # type: ignore[no-untyped-def]
    """What `neg_exp` takes besides, for numbers of type `f`."""
    raise NotImplementedError


@overload(exp_constants, inline="always")
def _exp_constants_typed(f):  # type: ignore[no-untyped-def]
    if f.dtype == types.float32:

        def constants(f):  # type: ignore[no-untyped-def]
            return (
                held(f(6.0)),
                held(f(-1.7514553007913491e-07)),
                held(f(9.669808605394792e-06)),
                held(f(-3.2400782220065594e-04)),
                held(f(7.8104594722390175e-03)),
                held(f(-1.2499908357858658e-01)),
                held(f(1.0)),
            )

    else:

        def constants(f):  # type: ignore[no-untyped-def]
            return (held(f(700.0)),)

    return constants


def neg_exp(x, constants):  # type: ignore[no-untyped-def]
    """``exp(-x)`` of lanes x >= 0; float32 with relative error below 3e-6 for x <= 6.

    What has faded to ``exp(-6)`` is under `MIN_ALPHA`, and not drawn.
    """
    raise NotImplementedError


@overload(neg_exp, inline="always")
def _neg_exp_typed(x, constants):  # type: ignore[no-untyped-def]
    if x == Lanes(types.float32):

        def kernel(x, constants):  # type: ignore[no-untyped-def]
            # exp(-x) = exp(-x/8)^8, the inner one by a polynomial of least relative error on [0, 6], 1 at 0.
            x = min(x, constants[0])
            p = constants[1] * x + constants[2]
            p = p * x + constants[3]
            p = p * x + constants[4]
            p = p * x + constants[5]
            p = p * x + constants[6]
            p = p * p
            p = p * p
            return p * p

    else:

        def kernel(x, constants):  # type: ignore[no-untyped-def]
            return exp(min(x, constants[0]) * -1.0)

    return kernel


@kernel(forceinline=True)
def row_range(mean_y, extent, origin_y, rows):  # type: ignore[no-untyped-def]
    """First row and one past the last row of a tile within `extent` of `mean_y`."""
    f = type(mean_y)
    from_top = mean_y - f(origin_y)
    # A thousandth of a pixel against rounding; both are positive, where conversion rounds down.
    first = np.int64(min(max(from_top - extent + f(0.499), f(0)), f(rows)))
    return first, np.int64(min(max(from_top + extent + f(0.501), f(0)), f(rows)))


@kernel(forceinline=True)
def first_channels(colors, r, channels, zero):  # type: ignore[no-untyped-def]
    """The first `FUSED` channels of a Gaussian; 0 for those that there are not."""
    return (
        colors[r, 0] if channels > 0 else zero,
        colors[r, 1] if channels > 1 else zero,
        colors[r, 2] if channels > 2 else zero,
    )


@kernel(forceinline=True)
def _all_finished(buf, stride, zero):  # type: ignore[no-untyped-def]
    largest = splat(zero)
    for p in range(0, TILE_H * stride, stride):
        t = load(buf, p)
        largest = select(t > largest, t, largest)
    return not any_of(largest > zero)


@kernel(nogil=True, error_model="numpy")
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
    ends,
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
        ends: (H, W) int32, filled with the entry of the pixel's tile that would have finished it, or their
            number: those before may contribute.
    """
    height, width, channels = render_colors.shape
    f = packed.dtype.type
    zero, half, one = f(0), f(0.5), f(1)
    # Of a row, fields of `TILE_W` values: transmittance, end, weight, then `FUSED` channels or more. Side by
    # side: at distances of a power of two they would wait for each other.
    stride = (COLORS + max(channels, FUSED)) * TILE_W
    for job in range(first_job, stop_job):
        buf = np.empty(TILE_H * stride, packed.dtype)
        constants = exp_constants(f)
        max_alpha, min_alpha, min_t = held(f(MAX_ALPHA)), held(f(MIN_ALPHA)), held(f(MIN_TRANSMITTANCE))
        for turn in range(job, schedule.shape[0], n_jobs):
            tile = schedule[turn]
            origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
            rows, cols = min(TILE_H, height - origin_y), min(TILE_W, width - origin_x)
            start, end = tile_offsets[tile], tile_offsets[tile + 1]
            center_x, center_y = ramp(f(origin_x) + half), f(origin_y) + half
            buf[:] = zero
            for row in range(TILE_H):
                # A negative transmittance marks a finished pixel; those outside the image start so.
                p = row * stride
                store(buf, p, select(ramp(zero) < f(cols), one if row < rows else -one, -one))
                store(buf, p + END, f(end - start))
            for i in range(start, end):
                if (i - start) % 32 == 31 and _all_finished(buf, stride, zero):
                    break
                r = ranks[i]
                my, c, opacity = splat(packed[r, MEAN_Y]), half * packed[r, CONIC_C], packed[r, OPACITY]
                c0, c1, c2 = first_channels(colors, r, channels, zero)
                first, stop = row_range(packed[r, MEAN_Y], packed[r, EXTENT_Y], origin_y, rows)
                dx = center_x - packed[r, MEAN_X]
                across, slant = dx * dx * (half * packed[r, CONIC_A]), dx * packed[r, CONIC_B]
                y, entry = splat(center_y + f(first)), splat(f(i - start))
                for p in range(first * stride, stop * stride, stride):
                    dy = y - my
                    y = y + one
                    sigma = (dy * c + slant) * dy + across
                    alpha = min(neg_exp(sigma, constants) * opacity, max_alpha)
                    t = load(buf, p)
                    weight = alpha * t
                    visible = (sigma >= zero) & (alpha >= min_alpha)
                    # Of a finished pixel it is negative.
                    next_t = select(visible, t - weight, one)
                    finishes = next_t <= min_t
                    weight = select(finishes, zero, select(visible, weight, zero))
                    # No selection of what was there: LLVM would store through a mask, and that takes as
                    # long as all the rest. Nor a branch: which pixel finishes when cannot be foretold.
                    store(buf, p, select(finishes, minus_abs(t), t - weight))
                    ends_at = load(buf, p + END)
                    store(buf, p + END, ends_at - select(finishes, max(ends_at - entry, zero), zero))
                    store(buf, p + COLORS * TILE_W, load(buf, p + COLORS * TILE_W) + weight * c0)
                    store(buf, p + (COLORS + 1) * TILE_W, load(buf, p + (COLORS + 1) * TILE_W) + weight * c1)
                    store(buf, p + (COLORS + 2) * TILE_W, load(buf, p + (COLORS + 2) * TILE_W) + weight * c2)
                    if channels > FUSED:
                        store(buf, p + WEIGHT, weight)
                for k in range(FUSED, channels):
                    field = (COLORS + k) * TILE_W
                    for p in range(first * stride, stop * stride, stride):
                        more = load(buf, p + WEIGHT) * colors[r, k]
                        store(buf, p + field, load(buf, p + field) + more)
            for row in range(rows):
                for col in range(cols):
                    place, at_y, at_x = row * stride + col, origin_y + row, origin_x + col
                    render_t[at_y, at_x] = abs(buf[place])
                    ends[at_y, at_x] = np.int32(buf[place + END])
                    for k in range(channels):
                        render_colors[at_y, at_x, k] = buf[place + (COLORS + k) * TILE_W]
