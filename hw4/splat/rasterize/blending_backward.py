"""Gradients of the blending in tiles, in numba: per (Gaussian, tile), then summed per Gaussian.

They go to one slot per (Gaussian, tile) and are summed afterwards, always in the same order: results do not
depend on the number of threads. A tile's state lies in a flat buffer as in `blending`.
"""

import numpy as np
from numba import njit

from hw4.splat.rasterize.binning import (
    CHUNK,
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
    FAST,
    FUSED,
    MAX_ALPHA,
    MIN_ALPHA,
    PIXELS,
    first_channels,
    neg_exp,
    pixel_range,
    select,
)

N_GEOMETRY = 6
"""Gradients per slot before the colours: mean x, mean y, conic a, b, c, opacity."""


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
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
    last,
    v_colors,
    v_alphas,
    slot_grads,
):
    """Gradients of a loss per (Gaussian, tile), back to front, for the jobs first_job <= job < stop_job.

    Args:
        packed, colors, tile_offsets, ranks, schedule, n_jobs, tiles_x: as in `blend_forward`.
        slots: from `tile_lists`.
        render_t, last: results of `blend_forward`.
        v_colors: (H, W, D) gradient of the loss in the rendered colours.
        v_alphas: (H, W) gradient of the loss in the rendered alphas.
        slot_grads: (M, 6 + D), filled with gradients in mean, conic, opacity and colours.
    """
    height, width, channels = v_colors.shape
    f = packed.dtype.type
    zero, half, one = f(0), f(0.5), f(1)
    max_alpha, min_alpha = f(MAX_ALPHA), f(MIN_ALPHA)
    for job in range(first_job, stop_job):
        # Fields of PIXELS values: transmittance, last entry, suffix (what lies behind, dotted with the
        # gradient), x, y, colours beyond `FUSED` dotted with the gradient, weight, then the gradient's
        # channels, `FUSED` or more.
        buf = np.empty((7 + max(channels, FUSED)) * PIXELS, packed.dtype)
        for turn in range(job, schedule.shape[0], n_jobs):
            tile = schedule[turn]
            origin_x, origin_y = (tile % tiles_x) * TILE_W, (tile // tiles_x) * TILE_H
            rows, cols = min(TILE_H, height - origin_y), min(TILE_W, width - origin_x)
            start = tile_offsets[tile]
            deepest = -1
            buf[:] = zero
            for y in range(TILE_H):
                for x in range(TILE_W):
                    p = y * TILE_W + x
                    buf[PIXELS + p] = -one
                    buf[3 * PIXELS + p] = f(origin_x + x) + half
                    buf[4 * PIXELS + p] = f(origin_y + y) + half
                    if x < cols and y < rows:
                        t = render_t[origin_y + y, origin_x + x]
                        entry_of_pixel = last[origin_y + y, origin_x + x]
                        deepest = max(deepest, entry_of_pixel)
                        buf[p] = t
                        buf[PIXELS + p] = f(entry_of_pixel)
                        buf[2 * PIXELS + p] = -t * v_alphas[origin_y + y, origin_x + x]
                        for k in range(channels):
                            buf[(7 + k) * PIXELS + p] = v_colors[origin_y + y, origin_x + x, k]
            for i in range(start + deepest + 1, tile_offsets[tile + 1]):
                slot_grads[slots[i]] = zero
            for i in range(start + deepest, start - 1, -1):
                r = ranks[i]
                mx, my = packed[r, MEAN_X], packed[r, MEAN_Y]
                a, b, c = half * packed[r, CONIC_A], packed[r, CONIC_B], half * packed[r, CONIC_C]
                opacity = packed[r, OPACITY]
                entry = f(i - start)
                first, stop = pixel_range(my, packed[r, EXTENT_Y], origin_y, rows)
                c0, c1, c2 = first_channels(colors, r, channels, zero)
                if channels > FUSED:
                    for p in range(first, stop):
                        buf[p + np.uintp(5 * PIXELS)] = zero
                for k in range(FUSED, channels):
                    color = colors[r, k]
                    field = np.uintp((7 + k) * PIXELS)
                    for p in range(first, stop):
                        buf[p + np.uintp(5 * PIXELS)] += color * buf[p + field]
                m0 = m_x = m_y = m_xx = m_xy = m_yy = v0 = v1 = v2 = zero
                for p in range(first, stop):
                    dx = buf[p + np.uintp(3 * PIXELS)] - mx
                    dy = buf[p + np.uintp(4 * PIXELS)] - my
                    sigma = dx * (a * dx + b * dy) + c * dy * dy
                    falloff = opacity * neg_exp(sigma)
                    valid = (sigma >= zero) & (falloff >= min_alpha) & (entry <= buf[p + np.uintp(PIXELS)])
                    alpha = select(valid, min(max_alpha, falloff), zero)
                    inverse = one / (one - alpha)
                    t = buf[p] * inverse
                    suffix = buf[p + np.uintp(2 * PIXELS)]
                    g0, g1 = buf[p + np.uintp(7 * PIXELS)], buf[p + np.uintp(8 * PIXELS)]
                    g2 = buf[p + np.uintp(9 * PIXELS)]
                    # Zero where there are no channels beyond.
                    dot = buf[p + np.uintp(5 * PIXELS)] + c0 * g0 + c1 * g1 + c2 * g2
                    weight = alpha * t
                    v0 += weight * g0
                    v1 += weight * g1
                    v2 += weight * g2
                    slope = falloff * (suffix * inverse - dot * t)
                    v_sigma = select(valid & (falloff <= max_alpha), slope, zero)
                    buf[p] = t
                    buf[p + np.uintp(2 * PIXELS)] = suffix + weight * dot
                    buf[p + np.uintp(6 * PIXELS)] = weight
                    m0 += v_sigma
                    m_x += v_sigma * dx
                    m_y += v_sigma * dy
                    m_xx += v_sigma * dx * dx
                    m_xy += v_sigma * dx * dy
                    m_yy += v_sigma * dy * dy
                slot = slots[i]
                slot_grads[slot, 0] = -(f(2) * a * m_x + b * m_y)
                slot_grads[slot, 1] = -(b * m_x + f(2) * c * m_y)
                slot_grads[slot, 2] = half * m_xx
                slot_grads[slot, 3] = m_xy
                slot_grads[slot, 4] = half * m_yy
                slot_grads[slot, 5] = -m0 / opacity
                for k in range(min(channels, FUSED)):
                    slot_grads[slot, N_GEOMETRY + k] = v0 if k == 0 else (v1 if k == 1 else v2)
                for k in range(FUSED, channels):
                    field = np.uintp((7 + k) * PIXELS)
                    total = zero
                    for p in range(first, stop):
                        total += buf[p + np.uintp(6 * PIXELS)] * buf[p + field]
                    slot_grads[slot, N_GEOMETRY + k] = total


@njit(nogil=True, cache=True, error_model="numpy")
def gather_gradients(  # type: ignore[no-untyped-def]
    first, stop, order, slot_offsets, slot_grads, v_means2d, v_conics, v_opacities, v_colors
):
    """Sum the slots of visible Gaussians into (N, ...) gradients, for the chunks first <= chunk < stop."""
    channels = v_colors.shape[1]
    for r in range(first * CHUNK, min(order.shape[0], stop * CHUNK)):
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
