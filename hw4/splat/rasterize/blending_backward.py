"""Gradients of the blending in tiles, in numba: per (Gaussian, tile), then summed per Gaussian.

They go to one slot per (Gaussian, tile) and are summed afterwards, always in the same order: results do not
depend on the number of threads. A tile's state lies in a flat buffer as in `blending`.
"""

import numpy as np

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
from hw4.splat.rasterize.blending import (
    FUSED,
    MAX_ALPHA,
    MIN_ALPHA,
    exp_constants,
    first_channels,
    neg_exp,
    row_range,
)
from hw4.splat.rasterize.compiled import kernel
from hw4.splat.rasterize.lanes import LANES, eight_totals, held, load, ramp, select, splat, store, total
from hw4.splat.rasterize.projection import BLOCK

END, SUFFIX, BEYOND, WEIGHT = TILE_W, 2 * TILE_W, 3 * TILE_W, 4 * TILE_W
COLORS = 5
N_MOMENTS = 6
"""Sums per slot before the gradients of colours. With s the gradient in the exponent, and x and y from the
Gaussian's centre: s, s x, s y, s x², s x y, s y²."""


def slot_width(channels: int) -> int:
    """Numbers per slot, eight of which are stored at a time."""
    return max(LANES, N_MOMENTS + channels)


@kernel(nogil=True, error_model="numpy")
def blend_backward(  # type: ignore[no-untyped-def]
    first_job,
    stop_job,
    packed,
    colors,
    tile_offsets,
    ranks,
    slots,
    schedule,
    n_jobs,
    tiles_x,
    render_t,
    ends,
    v_colors,
    v_alphas,
    slot_grads,
):
    """Gradients of a loss per (Gaussian, tile), back to front, for the jobs first_job <= job < stop_job.

    Args:
        packed, colors, tile_offsets, ranks, schedule, n_jobs, tiles_x: as in `blend_forward`.
        slots: from `tile_lists`.
        render_t, ends: results of `blend_forward`.
        v_colors: (H, W, D) gradient of the loss in the rendered colours.
        v_alphas: (H, W) gradient of the loss in the rendered alphas.
        slot_grads: (M, `slot_width`), filled.
    """
    height, width, channels = v_colors.shape
    f = packed.dtype.type
    zero, half, one = f(0), f(0.5), f(1)
    # Of a row, fields of `TILE_W` values: transmittance, end, suffix (what lies behind, dotted with the
    # gradient), colours beyond `FUSED` dotted with the gradient, weight, then the gradient's channels,
    # `FUSED` or more.
    flat, width_of_slots = slot_grads.reshape(-1), slot_grads.shape[1]
    stride = (COLORS + max(channels, FUSED)) * TILE_W
    for job in range(first_job, stop_job):
        buf = np.empty(TILE_H * stride, packed.dtype)
        constants = exp_constants(f)
        max_alpha, min_alpha = held(f(MAX_ALPHA)), held(f(MIN_ALPHA))
        for turn in range(job, schedule.shape[0], n_jobs):
            tile = schedule[turn]
            origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
            rows, cols = min(TILE_H, height - origin_y), min(TILE_W, width - origin_x)
            start, deepest = tile_offsets[tile], 0
            center_x, center_y = ramp(f(origin_x) + half), f(origin_y) + half
            # Outside the image nothing contributes: the end is 0.
            buf[:] = zero
            for row in range(rows):
                for col in range(cols):
                    place, at_y, at_x = row * stride + col, origin_y + row, origin_x + col
                    deepest = max(deepest, ends[at_y, at_x])
                    buf[place] = render_t[at_y, at_x]
                    buf[place + END] = f(ends[at_y, at_x])
                    buf[place + SUFFIX] = -render_t[at_y, at_x] * v_alphas[at_y, at_x]
                    for k in range(channels):
                        buf[place + (COLORS + k) * TILE_W] = v_colors[at_y, at_x, k]
            for i in range(start + deepest, tile_offsets[tile + 1]):
                slot_grads[slots[i]] = zero
            for i in range(start + deepest - 1, start - 1, -1):
                r = ranks[i]
                a, b, c = packed[r, CONIC_A], packed[r, CONIC_B], packed[r, CONIC_C]
                my, half_c, opacity = splat(packed[r, MEAN_Y]), half * c, packed[r, OPACITY]
                entry = splat(f(i - start))
                c0, c1, c2 = first_channels(colors, r, channels, zero)
                first, stop = row_range(packed[r, MEAN_Y], packed[r, EXTENT_Y], origin_y, rows)
                dx = center_x - packed[r, MEAN_X]
                across, slant = dx * dx * (half * a), dx * b
                if channels > FUSED:
                    for p in range(first * stride, stop * stride, stride):
                        beyond = splat(zero)
                        for k in range(FUSED, channels):
                            beyond = beyond + load(buf, p + (COLORS + k) * TILE_W) * colors[r, k]
                        store(buf, p + BEYOND, beyond)
                # Of the gradient in sigma, by column: its sum, that times dy, and that times its square.
                s0, s1, s2 = splat(zero), splat(zero), splat(zero)
                v0, v1, v2 = splat(zero), splat(zero), splat(zero)
                y = splat(center_y + f(first))
                for p in range(first * stride, stop * stride, stride):
                    dy = y - my
                    y = y + one
                    sigma = (dy * half_c + slant) * dy + across
                    falloff = neg_exp(sigma, constants) * opacity
                    counts = (sigma >= zero) & (falloff >= min_alpha) & (load(buf, p + END) > entry)
                    alpha = select(counts, min(falloff, max_alpha), zero)
                    inverse = one / (one - alpha)
                    t = load(buf, p) * inverse
                    suffix = load(buf, p + SUFFIX)
                    g0, g1 = load(buf, p + COLORS * TILE_W), load(buf, p + (COLORS + 1) * TILE_W)
                    g2 = load(buf, p + (COLORS + 2) * TILE_W)
                    dot = g0 * c0 + g1 * c1 + g2 * c2
                    if channels > FUSED:
                        dot = dot + load(buf, p + BEYOND)
                    weight = alpha * t
                    v0, v1, v2 = v0 + weight * g0, v1 + weight * g1, v2 + weight * g2
                    slope = alpha * (suffix * inverse - dot * t)
                    v_sigma = select(falloff <= max_alpha, slope, zero)
                    store(buf, p, t)
                    store(buf, p + SUFFIX, suffix + weight * dot)
                    if channels > FUSED:
                        store(buf, p + WEIGHT, weight)
                    tilted = v_sigma * dy
                    s0, s1, s2 = s0 + v_sigma, s1 + tilted, s2 + tilted * dy
                at = slots[i] * width_of_slots
                moments = eight_totals((s0, s0 * dx, s1, s0 * dx * dx, s1 * dx, s2, v0, v1))
                store(flat, at, moments)
                if channels > 2:
                    flat[at + N_MOMENTS + 2] = total(v2)
                for k in range(FUSED, channels):
                    v = splat(zero)
                    for p in range(first * stride, stop * stride, stride):
                        v = v + load(buf, p + WEIGHT) * load(buf, p + (COLORS + k) * TILE_W)
                    flat[at + N_MOMENTS + k] = total(v)


@kernel(nogil=True, error_model="numpy")
def gather_gradients(  # type: ignore[no-untyped-def]
    first, stop, places, slot_offsets, slot_grads, packed, v_means2d, v_conics, v_opacities, v_colors
):
    """Sum the slots of Gaussians into (N, ...) gradients, 0 where not visible.

    For the blocks first <= block < stop. `places` (N,) are their rows in `packed`, -1 for none.
    """
    f = v_opacities.dtype.type
    zero, half = f(0), f(0.5)
    flat, channels = slot_grads.reshape(-1), v_colors.shape[1]
    sums = np.empty(LANES, v_opacities.dtype)
    for g in range(first * BLOCK, min(places.shape[0], stop * BLOCK)):
        v_means2d[g] = zero
        v_conics[g] = zero
        v_opacities[g] = zero
        v_colors[g] = zero
        r = places[g]
        if r < 0:
            continue
        moments = splat(zero)
        for slot in range(slot_offsets[r], slot_offsets[r + 1]):
            moments = moments + load(flat, slot * slot_grads.shape[1])
            for k in range(2, channels):
                v_colors[g, k] += slot_grads[slot, N_MOMENTS + k]
        store(sums, 0, moments)
        a, b, c = packed[r, CONIC_A], packed[r, CONIC_B], packed[r, CONIC_C]
        v_means2d[g, 0], v_means2d[g, 1] = -(a * sums[1] + b * sums[2]), -(b * sums[1] + c * sums[2])
        v_conics[g, 0], v_conics[g, 1], v_conics[g, 2] = half * sums[3], sums[4], half * sums[5]
        v_opacities[g] = -sums[0] / packed[r, OPACITY]
        for k in range(min(channels, 2)):
            v_colors[g, k] = sums[N_MOMENTS + k]
