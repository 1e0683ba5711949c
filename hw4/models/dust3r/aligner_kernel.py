"""One step of DUSt3R's global alignment in numba: objective, gradient and Adam in one pass over the points.

The objective is upstream's (`dust3r.cloud_opt.optimizer.PointCloudOptimizer.forward`): with X the points of
an image's depth map in the world, p those that a pair predicts for it, and M the pair's similarity,
``sum of weight |X - M p|``. Points of one image are taken in blocks: a block's world points, the gradient
with respect to them and the 3x4 gradients of the similarities stay in the first-level cache, and each
prediction is read from memory once.

Conventions are upstream's: quaternions xyzw of any length, world-from-camera, translations as signed log1p,
depths as logarithms, focal lengths as 20 log f, pair scales as logarithms whose mean is held at log 0.5.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

BLOCK = 512
"""Pixels per block. Fixed, so that sums over blocks do not depend on the number of threads."""
FOCAL_BREAK = 20.0
BASE_SCALE = 0.5
BETA = 0.9
"""Both of Adam's, as upstream has them."""
EPS = 1e-8

# No "nnan" and "ninf": a divergence must be seen.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(cache=True, inline="always", error_model="numpy")
def _rotation(q):  # type: ignore[no-untyped-def]
    """(3, 3) of a quaternion xyzw of any length."""
    norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    x, y, z, w = q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm
    R = np.empty((3, 3))
    R[0, 0], R[0, 1], R[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    R[1, 0], R[1, 1], R[1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    R[2, 0], R[2, 1], R[2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
    return R


@njit(cache=True, inline="always", error_model="numpy")
def _rotation_gradient(q, G, out):  # type: ignore[no-untyped-def]
    """Gradient with respect to the quaternion, from that with respect to the rotation matrix."""
    norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    x, y, z, w = q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm
    xy, xz, yz = G[0, 1] + G[1, 0], G[0, 2] + G[2, 0], G[1, 2] + G[2, 1]
    wx, wy, wz = G[2, 1] - G[1, 2], G[0, 2] - G[2, 0], G[1, 0] - G[0, 1]
    gx = 2 * (y * xy + z * xz + w * wx - 2 * x * (G[1, 1] + G[2, 2]))
    gy = 2 * (x * xy + z * yz + w * wy - 2 * y * (G[0, 0] + G[2, 2]))
    gz = 2 * (x * xz + y * yz + w * wz - 2 * z * (G[0, 0] + G[1, 1]))
    gw = 2 * (x * wx + y * wy + z * wz)
    along = gx * x + gy * y + gz * z + gw * w
    out[0], out[1] = (gx - along * x) / norm, (gy - along * y) / norm
    out[2], out[3] = (gz - along * z) / norm, (gw - along * w) / norm


def _row(values, scratch):  # type: ignore[no-untyped-def]
    """A block of `points` in float32; `scratch` (n,) uint32 is where float16 is turned into it."""


@overload(_row)
def _row_of(values, scratch):  # type: ignore[no-untyped-def]
    if values.dtype == types.float32:
        return lambda values, scratch: values

    def from_half(values, scratch):  # type: ignore[no-untyped-def]
        # The fields of the bits moved to where float32 has them; its exponent counts from 112 more.
        for k in range(len(values)):
            bits = np.uint32(values[k])
            sign, rest = (bits & np.uint32(0x8000)) << np.uint32(16), bits & np.uint32(0x7FFF)
            scratch[k] = sign | (rest << np.uint32(13))
        result = scratch[: len(values)].view(np.float32)
        for k in range(len(values)):
            result[k] *= np.float32(2.0**112)
        return result

    return from_half


@njit(cache=True, inline="always", error_model="numpy")
def _expm1(x):  # type: ignore[no-untyped-def]
    return math.copysign(math.expm1(abs(x)), x)


@njit(cache=True, inline="always", error_model="numpy")
def _expm1_slope(x):  # type: ignore[no-untyped-def]
    # sign(0) = 0 in upstream's formula: a translation of exactly zero stays where it is.
    return math.exp(abs(x)) if x != 0 else 0.0


@njit(cache=True, error_model="numpy")
def decode(pair_params, view_params, similarities, cameras):  # type: ignore[no-untyped-def]
    """Fill what the points need, in float32.

    Args:
        pair_params: (E, 8) quaternion, translation, log scale.
        view_params: (N, 8) quaternion, translation, 20 log focal length.
        similarities: (E, 3, 4) world from the pair's frame.
        cameras: (N, 13) rotation row by row, translation, focal length.
    """
    mean = pair_params[:, 7].mean()
    for e in range(len(pair_params)):
        R = _rotation(pair_params[e, :4])
        scale = math.exp(pair_params[e, 7] - mean) * BASE_SCALE
        for a in range(3):
            for b in range(3):
                similarities[e, a, b] = scale * R[a, b]
            similarities[e, a, 3] = scale * _expm1(pair_params[e, 4 + a])
    for n in range(len(view_params)):
        R = _rotation(view_params[n, :4])
        for a in range(3):
            for b in range(3):
                cameras[n, 3 * a + b] = R[a, b]
            cameras[n, 9 + a] = _expm1(view_params[n, 4 + a])
        cameras[n, 12] = math.exp(view_params[n, 7] / FOCAL_BREAK)


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def sweep(  # type: ignore[no-untyped-def]
    first_task,
    last_task,
    tasks,
    seen,
    points,
    weights,
    per_side,
    similarities,
    cameras,
    sizes,
    log_depth,
    first_moment,
    second_moment,
    lr_corrected,
    root_correction,
    pair_sums,
    view_sums,
):
    """Sums over the points of objective and gradients; depths take their Adam step on the way.

    Threads may run it at once, each on its own tasks: it lets go of Python's lock. No OpenMP, whose settings
    would be shared with torch.

    Args:
        first_task, last_task: the range of tasks to work on, without the last.
        tasks: (B, 3) int: view, first and one past the last pixel.
        seen: (N, K, 3) int: the pairs that predict a view's points, where in `points` its pixel 0 is, and
            whether it is the first view of the pair (0) or the second; pair -1: no more.
        points: (3 or more, P) float32, or the bits of float16 as uint16: predicted x, y, z.
        weights: (P,) of the same type.
        per_side: (2,) float32: factors on the weights of first and second views.
        similarities, cameras: of `decode`.
        sizes: (N, 2) int: height, width.
        log_depth, first_moment, second_moment: (N, max pixels) float32, changed.
        lr_corrected: lr / (1 - beta^t); 0 leaves depths as they are.
        root_correction: sqrt(1 - beta^t).
        pair_sums: (B, K, 13) float32, filled: gradient of the similarity row by row, objective.
        view_sums: (B, 13) float32, filled: gradient of the rotation row by row, of the translation, and
            of the logarithm of the focal length.
    """
    f = np.float32
    beta, rest, eps = f(BETA), f(1 - BETA), f(EPS)
    tiny, zero = f(1e-30), f(0)
    step, root = f(lr_corrected), f(root_correction)
    for task in range(first_task, last_task):
        n, begin, end = tasks[task, 0], tasks[task, 1], tasks[task, 2]
        count = end - begin
        width = sizes[n, 1]
        cx, cy = f(width) / f(2), f(sizes[n, 0]) / f(2)
        C = cameras[n]
        per_focal = f(1) / C[12]
        # Rays (0-1) and depth (2) in the camera, world points (3-5), gradient (6-8).
        local = np.empty((9, BLOCK), np.float32)
        rx, ry, depth = local[0], local[1], local[2]
        X, Y, Z = local[3], local[4], local[5]
        gX, gY, gZ = local[6], local[7], local[8]
        scratch = np.empty((4, BLOCK), np.uint32)
        for k in range(count):
            pixel = begin + k
            rx[k] = (f(pixel % width) - cx) * per_focal
            ry[k] = (f(pixel // width) - cy) * per_focal
            depth[k] = math.exp(log_depth[n, pixel])
        for k in range(count):
            x, y, z = rx[k] * depth[k], ry[k] * depth[k], depth[k]
            X[k] = C[0] * x + C[1] * y + C[2] * z + C[9]
            Y[k] = C[3] * x + C[4] * y + C[5] * z + C[10]
            Z[k] = C[6] * x + C[7] * y + C[8] * z + C[11]
        gX[:count] = zero
        gY[:count] = zero
        gZ[:count] = zero
        for s in range(seen.shape[1]):
            pair = seen[n, s, 0]
            if pair < 0:
                break
            M = similarities[pair]
            m00, m01, m02, m03 = M[0, 0], M[0, 1], M[0, 2], M[0, 3]
            m10, m11, m12, m13 = M[1, 0], M[1, 1], M[1, 2], M[1, 3]
            m20, m21, m22, m23 = M[2, 0], M[2, 1], M[2, 2], M[2, 3]
            start = seen[n, s, 1] + begin
            stop = start + count
            px, py = _row(points[0, start:stop], scratch[0]), _row(points[1, start:stop], scratch[1])
            pz, weight = _row(points[2, start:stop], scratch[2]), _row(weights[start:stop], scratch[3])
            factor = per_side[seen[n, s, 2]]
            a00, a01, a02, a03 = zero, zero, zero, zero
            a10, a11, a12, a13 = zero, zero, zero, zero
            a20, a21, a22, a23 = zero, zero, zero, zero
            total = zero
            for k in range(count):
                x, y, z, w = px[k], py[k], pz[k], factor * weight[k]
                dx = X[k] - (m00 * x + m01 * y + m02 * z + m03)
                dy = Y[k] - (m10 * x + m11 * y + m12 * z + m13)
                dz = Z[k] - (m20 * x + m21 * y + m22 * z + m23)
                # The added constant is lost in rounding, except where the distance is zero.
                distance = math.sqrt(dx * dx + dy * dy + dz * dz + tiny)
                total += w * distance
                u = w / distance
                dx, dy, dz = u * dx, u * dy, u * dz
                gX[k] += dx
                gY[k] += dy
                gZ[k] += dz
                a00 += dx * x
                a01 += dx * y
                a02 += dx * z
                a03 += dx
                a10 += dy * x
                a11 += dy * y
                a12 += dy * z
                a13 += dy
                a20 += dz * x
                a21 += dz * y
                a22 += dz * z
                a23 += dz
            out = pair_sums[task, s]
            out[0], out[1], out[2], out[3] = -a00, -a01, -a02, -a03
            out[4], out[5], out[6], out[7] = -a10, -a11, -a12, -a13
            out[8], out[9], out[10], out[11] = -a20, -a21, -a22, -a23
            out[12] = total
        b00, b01, b02, b10, b11, b12 = zero, zero, zero, zero, zero, zero
        b20, b21, b22, b03, b13, b23, focal = zero, zero, zero, zero, zero, zero, zero
        for k in range(count):
            x, y, z = rx[k] * depth[k], ry[k] * depth[k], depth[k]
            dx, dy, dz = gX[k], gY[k], gZ[k]
            b00 += dx * x
            b01 += dx * y
            b02 += dx * z
            b10 += dy * x
            b11 += dy * y
            b12 += dy * z
            b20 += dz * x
            b21 += dz * y
            b22 += dz * z
            b03 += dx
            b13 += dy
            b23 += dz
            across = (C[0] * dx + C[3] * dy + C[6] * dz) * x + (C[1] * dx + C[4] * dy + C[7] * dz) * y
            focal -= across
            # The gradient's place is used for that of the log depth.
            gX[k] = across + (C[2] * dx + C[5] * dy + C[8] * dz) * z
        out = view_sums[task]
        out[0], out[1], out[2], out[3], out[4], out[5] = b00, b01, b02, b10, b11, b12
        out[6], out[7], out[8], out[9], out[10], out[11], out[12] = b20, b21, b22, b03, b13, b23, focal
        if step > zero:
            values = log_depth[n, begin:end]
            first, second = first_moment[n, begin:end], second_moment[n, begin:end]
            for k in range(count):
                g = gX[k]
                m = beta * first[k] + rest * g
                v = beta * second[k] + rest * g * g
                first[k] = m
                second[k] = v
                values[k] -= step * m / (math.sqrt(v) / root + eps)


@njit(cache=True, error_model="numpy")
def gather(  # type: ignore[no-untyped-def]
    tasks, seen, pair_sums, view_sums, pair_params, view_params, pair_gradient, view_gradient
):
    """Gradients (E, 8) and (N, 8) of the parameters from the sums of `sweep`; returns the objective."""
    pairs = np.zeros((len(pair_params), 13))
    views = np.zeros((len(view_params), 13))
    for task in range(len(tasks)):
        n = tasks[task, 0]
        views[n] += view_sums[task]
        for s in range(seen.shape[1]):
            if seen[n, s, 0] < 0:
                break
            pairs[seen[n, s, 0]] += pair_sums[task, s]
    mean = pair_params[:, 7].mean()
    for e in range(len(pair_params)):
        G = pairs[e, :12].reshape(3, 4)
        R = _rotation(pair_params[e, :4])
        scale = math.exp(pair_params[e, 7] - mean) * BASE_SCALE
        _rotation_gradient(pair_params[e, :4], scale * G[:, :3], pair_gradient[e, :4])
        along = 0.0
        for a in range(3):
            pair_gradient[e, 4 + a] = scale * G[a, 3] * _expm1_slope(pair_params[e, 4 + a])
            along += G[a, 3] * _expm1(pair_params[e, 4 + a])
            for b in range(3):
                along += G[a, b] * R[a, b]
        pair_gradient[e, 7] = scale * along
    pair_gradient[:, 7] -= pair_gradient[:, 7].mean()
    for n in range(len(view_params)):
        _rotation_gradient(view_params[n, :4], views[n, :9].reshape(3, 3), view_gradient[n, :4])
        for a in range(3):
            view_gradient[n, 4 + a] = views[n, 9 + a] * _expm1_slope(view_params[n, 4 + a])
        view_gradient[n, 7] = views[n, 12] / FOCAL_BREAK
    return pairs[:, 12].sum()
