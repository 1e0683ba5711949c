"""Absolute difference, SSIM and their gradient in numba: two separable passes over cached blocks of rows.

The same numbers as `hw4.splat.training.losses.ssim_torch`. With mu the blurred image, and xx, xy the blurred
products, the forward pass also leaves d(SSIM)/d(mu_x), d/d(xx) and d/d(xy) of every window; the backward pass
blurs these three back onto the pixels: ``v_x = B(d_mu) + 2 x B(d_xx) + y B(d_xy)``.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.autograd.function import once_differentiable

from hw4.splat.rasterize.threads import spread

WINDOW = 11
"""A constant of the kernels, so that their innermost loops are unrolled."""
ROWS = 16
"""Rows per block. Fixed, so that sums over blocks do not depend on the number of threads."""
C1, C2 = 0.01**2, 0.03**2

# No "nnan" and "ninf": a divergence must be seen.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(cache=True, fastmath=_FAST, inline="always")
def _blur_along(source, window, target):  # type: ignore[no-untyped-def]
    """Along a row, whose channels lie side by side. Unrolled by hand: LLVM then takes many pixels at once."""
    w0, w1, w2, w3, w4, w5 = window[0], window[1], window[2], window[3], window[4], window[5]
    w6, w7, w8, w9, w10 = window[6], window[7], window[8], window[9], window[10]
    for i in range(len(target)):
        target[i] = (
            (w0 * source[i] + w1 * source[i + 3] + w2 * source[i + 6] + w3 * source[i + 9])
            + (w4 * source[i + 12] + w5 * source[i + 15] + w6 * source[i + 18] + w7 * source[i + 21])
            + (w8 * source[i + 24] + w9 * source[i + 27] + w10 * source[i + 30])
        )


@njit(cache=True, fastmath=_FAST, inline="always")
def _blur_down(rows, window, target):  # type: ignore[no-untyped-def]
    """Of 11 rows, one."""
    w0, w1, w2, w3, w4, w5 = window[0], window[1], window[2], window[3], window[4], window[5]
    w6, w7, w8, w9, w10 = window[6], window[7], window[8], window[9], window[10]
    for i in range(len(target)):
        target[i] = (
            (w0 * rows[0, i] + w1 * rows[1, i] + w2 * rows[2, i] + w3 * rows[3, i])
            + (w4 * rows[4, i] + w5 * rows[5, i] + w6 * rows[6, i] + w7 * rows[7, i])
            + (w8 * rows[8, i] + w9 * rows[9, i] + w10 * rows[10, i])
        )


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def forward(first, stop, x, y, window, d_mu, d_xx, d_xy, sums, distances):  # type: ignore[no-untyped-def]
    """Sums of SSIM over the windows of blocks first <= block < stop, and its slopes.

    Args:
        first, stop: range of blocks of `ROWS` rows of windows.
        x, y: (H, 3 W) image and target, channels side by side.
        window: (11,) weights.
        d_mu, d_xx, d_xy: (H - 10, 3 (W - 10)) filled: slopes of one window's SSIM.
        sums: (blocks,) float64, filled.
        distances: (blocks,) float64, filled: of absolute differences, of all pixels in all.
    """
    f = x.dtype.type
    height, width = d_mu.shape
    two, one, c1, c2 = f(2), f(1), f(C1), f(C2)
    blurred = np.empty((5, ROWS + WINDOW - 1, width), x.dtype)
    squares = np.empty((3, width + 3 * (WINDOW - 1)), x.dtype)
    line = np.empty((5, width), x.dtype)
    xx, yy, xy = squares[0], squares[1], squares[2]
    for block in range(first, stop):
        begin, end = block * ROWS, min(height, (block + 1) * ROWS)
        for r in range(begin, end + WINDOW - 1):
            of_x, of_y = x[r], y[r]
            for i in range(len(xx)):
                a, b = of_x[i], of_y[i]
                xx[i], yy[i], xy[i] = a * a, b * b, a * b
            _blur_along(of_x, window, blurred[0, r - begin])
            _blur_along(of_y, window, blurred[1, r - begin])
            _blur_along(xx, window, blurred[2, r - begin])
            _blur_along(yy, window, blurred[3, r - begin])
            _blur_along(xy, window, blurred[4, r - begin])
        distances[block] = 0.0
        for r in range(begin, end if end < height else len(x)):
            of_x, of_y, distance = x[r], y[r], f(0)
            for i in range(len(of_x)):
                distance += abs(of_x[i] - of_y[i])
            distances[block] += distance
        total = 0.0
        for r in range(begin, end):
            for m in range(5):
                _blur_down(blurred[m, r - begin : r - begin + WINDOW], window, line[m])
            row = 0.0
            of_mu, of_xx, of_xy = d_mu[r], d_xx[r], d_xy[r]
            for i in range(width):
                mx, my = line[0, i], line[1, i]
                # Luminance a / b, contrast and structure c / d.
                a, b = two * mx * my + c1, mx * mx + my * my + c1
                c, d = two * (line[4, i] - mx * my) + c2, line[2, i] - mx * mx + line[3, i] - my * my + c2
                per_bd = one / (b * d)
                value = a * c * per_bd
                row += value
                slope_xx = -value * b * per_bd
                slope_xy = two * a * per_bd
                of_xx[i], of_xy[i] = slope_xx, slope_xy
                of_mu[i] = two * (my * c - mx * value * d) * per_bd - slope_xy * my - two * slope_xx * mx
            total += row
        sums[block] = total


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def backward(first, stop, x, y, window, d_mu, d_xx, d_xy, factor, of_distance, v_x):  # type: ignore[no-untyped-def]
    """Gradient of a loss in the image, for blocks of `ROWS` rows of pixels.

    Args:
        first, stop: range of blocks.
        x, y, window, d_mu, d_xx, d_xy: of `forward`.
        factor: gradient of the loss with respect to the sum over windows.
        of_distance: and that to the sum of absolute differences.
        v_x: (H, 3 W) filled.
    """
    f = x.dtype.type
    height, width = x.shape
    n_rows, n_columns = d_mu.shape
    margin = 3 * (WINDOW - 1)
    zero, two, scale, step = f(0), f(2), f(factor), f(of_distance)
    # Windows over the edge of the image do not exist: zeros.
    line = np.zeros((3, n_columns + 2 * margin), x.dtype)
    spread_out = np.empty((3, width), x.dtype)
    for r in range(first * ROWS, min(height, stop * ROWS)):
        low, high = max(0, r - WINDOW + 1), min(n_rows, r + 1)
        for m in range(3):
            source = d_mu if m == 0 else (d_xx if m == 1 else d_xy)
            target = line[m, margin : margin + n_columns]
            target[:] = f(0)
            for q in range(low, high):
                w, of_row = window[r - q], source[q]
                for i in range(n_columns):
                    target[i] += w * of_row[i]
        of_x, of_y, out = x[r], y[r], v_x[r]
        for m in range(3):
            # The window is symmetric: the sum over windows that hold a pixel is a blur as well.
            _blur_along(line[m], window, spread_out[m])
        for i in range(width):
            a, b = of_x[i], of_y[i]
            slope = step if a > b else (-step if a < b else zero)
            out[i] = slope + scale * (spread_out[0, i] + two * a * spread_out[1, i] + b * spread_out[2, i])


class FusedTerms(torch.autograd.Function):
    """Mean absolute difference and mean SSIM of (H, W, 3) images on the CPU, differentiable in the first."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, target: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        """See `hw4.splat.training.losses.ssim`; both edges at least 11 pixels."""
        x = image.detach().contiguous().numpy().reshape(len(image), -1)
        y = target.detach().contiguous().numpy().reshape(len(target), -1)
        weights = window.numpy()
        height, width = x.shape[0] - WINDOW + 1, x.shape[1] - 3 * (WINDOW - 1)
        slopes = np.empty((3, height, width), x.dtype)
        sums, distances = np.empty((2, -(-height // ROWS)), np.float64)
        spread(forward, len(sums), x, y, weights, *slopes, sums, distances)
        ctx.given, ctx.windows, ctx.shape = (x, y, weights, *slopes), height * width, image.shape
        return image.new_tensor(distances.sum() / x.size), image.new_tensor(sums.sum() / ctx.windows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_distance: Tensor, v_ssim: Tensor) -> tuple[Tensor, None, None]:
        """Gradient of the image."""
        x = ctx.given[0]
        v_x = np.empty_like(x)
        factors = v_ssim.item() / ctx.windows, v_distance.item() / x.size
        spread(backward, -(-len(x) // ROWS), *ctx.given, *factors, v_x)
        return torch.from_numpy(v_x).view(ctx.shape), None, None
