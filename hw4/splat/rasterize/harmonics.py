"""Colours from real spherical harmonics up to degree 3, forward and backward, in numba.

Basis, signs and order as in 3DGS and gsplat (Sloan, "Efficient Spherical Harmonic Evaluation", JCGT 2013).
The colour is ``max(0, 0.5 + Σ_k basis_k(direction) coeffs_k)``.
"""

import math

import numpy as np

from hw4.splat.rasterize.compiled import kernel
from hw4.splat.rasterize.projection import BLOCK

MAX_DEGREE = 3
C0 = 0.2820947917738781
C1 = 0.48860251190292
C2A, C2B, C2C, C2D = 1.092548430592079, 0.9461746957575601, 0.3153915652525201, 0.5462742152960395
C3A, C3B, C3C = 0.5900435899266435, 1.445305721320277, 2.285228997322329
C3D, C3E, C3F = 0.4570457994644658, 1.865881662950577, 1.119528997770346


@kernel()
def _basis(degree, x, y, z, out):  # type: ignore[no-untyped-def]
    out[0] = C0
    if degree >= 1:
        out[1], out[2], out[3] = -C1 * y, C1 * z, -C1 * x
    if degree >= 2:
        zz, c1, s1 = z * z, x * x - y * y, 2.0 * x * y
        out[4], out[5], out[6], out[7], out[8] = (
            C2D * s1,
            -C2A * z * y,
            C2B * zz - C2C,
            -C2A * z * x,
            C2D * c1,
        )
        if degree >= 3:
            tmp = -C3C * zz + C3D
            out[9], out[10], out[11] = -C3A * (x * s1 + y * c1), C3B * z * s1, tmp * y
            out[12] = z * (C3E * zz - C3F)
            out[13], out[14], out[15] = tmp * x, C3B * z * c1, -C3A * (x * c1 - y * s1)


@kernel()
def _basis_gradient(degree, x, y, z, gx, gy, gz):  # type: ignore[no-untyped-def]
    """Partial derivatives of `_basis` in x, y, z taken as independent variables."""
    gx[0], gy[0], gz[0] = 0.0, 0.0, 0.0
    if degree >= 1:
        gx[1], gy[1], gz[1] = 0.0, -C1, 0.0
        gx[2], gy[2], gz[2] = 0.0, 0.0, C1
        gx[3], gy[3], gz[3] = -C1, 0.0, 0.0
    if degree >= 2:
        gx[4], gy[4], gz[4] = C2D * 2.0 * y, C2D * 2.0 * x, 0.0
        gx[5], gy[5], gz[5] = 0.0, -C2A * z, -C2A * y
        gx[6], gy[6], gz[6] = 0.0, 0.0, 2.0 * C2B * z
        gx[7], gy[7], gz[7] = -C2A * z, 0.0, -C2A * x
        gx[8], gy[8], gz[8] = C2D * 2.0 * x, -C2D * 2.0 * y, 0.0
    if degree >= 3:
        zz, c1, s1 = z * z, x * x - y * y, 2.0 * x * y
        tmp, dtmp = -C3C * zz + C3D, -2.0 * C3C * z
        gx[9], gy[9], gz[9] = -C3A * 3.0 * s1, -C3A * 3.0 * c1, 0.0
        gx[10], gy[10], gz[10] = C3B * z * 2.0 * y, C3B * z * 2.0 * x, C3B * s1
        gx[11], gy[11], gz[11] = 0.0, tmp, dtmp * y
        gx[12], gy[12], gz[12] = 0.0, 0.0, 3.0 * C3E * zz - C3F
        gx[13], gy[13], gz[13] = tmp, 0.0, dtmp * x
        gx[14], gy[14], gz[14] = C3B * z * 2.0 * x, -C3B * z * 2.0 * y, C3B * c1
        gx[15], gy[15], gz[15] = -C3A * 3.0 * c1, C3A * 3.0 * s1, 0.0


@kernel(nogil=True, error_model="numpy")
def colors_forward(first, stop, means, coeffs, camera_centers, radii, degree, colors):  # type: ignore[no-untyped-def]
    """Fill `colors` (C, N, 3), zero if not visible, from `coeffs` (N, K, 3) and `camera_centers` (C, 3).

    For the blocks first <= block < stop.
    """
    f = means.dtype.type
    n_bases = (degree + 1) ** 2
    for block in range(first, stop):
        begin, end = block * BLOCK, min(means.shape[0], (block + 1) * BLOCK)
        basis = np.empty(16, means.dtype)
        colors[:, begin:end] = f(0)
        for c in range(camera_centers.shape[0]):
            for g in range(begin, end):
                if radii[c, g, 0] <= 0:
                    continue
                dx = means[g, 0] - camera_centers[c, 0]
                dy = means[g, 1] - camera_centers[c, 1]
                dz = means[g, 2] - camera_centers[c, 2]
                inv = f(1) / max(f(math.sqrt(dx * dx + dy * dy + dz * dz)), f(1e-12))
                _basis(degree, dx * inv, dy * inv, dz * inv, basis)
                r = g_ = b = f(0)
                for k in range(n_bases):
                    w = basis[k]
                    r += w * coeffs[g, k, 0]
                    g_ += w * coeffs[g, k, 1]
                    b += w * coeffs[g, k, 2]
                colors[c, g, 0] = max(r + f(0.5), f(0))
                colors[c, g, 1] = max(g_ + f(0.5), f(0))
                colors[c, g, 2] = max(b + f(0.5), f(0))


@kernel(nogil=True, error_model="numpy")
def colors_backward(  # type: ignore[no-untyped-def]
    first, stop, means, coeffs, camera_centers, radii, degree, colors, v_colors, v_means, v_coeffs, v_centers
):
    """Fill gradients of means, coeffs and, per block, centres: (blocks, C, 3) float64, zeros on entry.

    For the blocks first <= block < stop.
    """
    f = means.dtype.type
    n_bases = (degree + 1) ** 2
    for block in range(first, stop):
        begin, end = block * BLOCK, min(means.shape[0], (block + 1) * BLOCK)
        v_means[begin:end] = f(0)
        v_coeffs[begin:end] = f(0)
        basis = np.empty(16, means.dtype)
        gx, gy, gz = np.empty(16, means.dtype), np.empty(16, means.dtype), np.empty(16, means.dtype)
        for c in range(camera_centers.shape[0]):
            for g in range(begin, end):
                if radii[c, g, 0] <= 0:
                    continue
                # The clamp at zero passes gradient only where the colour is positive.
                vr = v_colors[c, g, 0] if colors[c, g, 0] > f(0) else f(0)
                vg = v_colors[c, g, 1] if colors[c, g, 1] > f(0) else f(0)
                vb = v_colors[c, g, 2] if colors[c, g, 2] > f(0) else f(0)
                if vr == f(0) and vg == f(0) and vb == f(0):
                    continue
                dx = means[g, 0] - camera_centers[c, 0]
                dy = means[g, 1] - camera_centers[c, 1]
                dz = means[g, 2] - camera_centers[c, 2]
                inv = f(1) / max(f(math.sqrt(dx * dx + dy * dy + dz * dz)), f(1e-12))
                x, y, z = dx * inv, dy * inv, dz * inv
                _basis(degree, x, y, z, basis)
                for k in range(n_bases):
                    w = basis[k]
                    v_coeffs[g, k, 0] += w * vr
                    v_coeffs[g, k, 1] += w * vg
                    v_coeffs[g, k, 2] += w * vb
                if degree == 0:
                    continue
                _basis_gradient(degree, x, y, z, gx, gy, gz)
                vx = vy = vz = f(0)
                for k in range(1, n_bases):
                    s = coeffs[g, k, 0] * vr + coeffs[g, k, 1] * vg + coeffs[g, k, 2] * vb
                    vx += gx[k] * s
                    vy += gy[k] * s
                    vz += gz[k] * s
                along = vx * x + vy * y + vz * z
                vx, vy, vz = (vx - along * x) * inv, (vy - along * y) * inv, (vz - along * z) * inv
                v_means[g, 0] += vx
                v_means[g, 1] += vy
                v_means[g, 2] += vz
                v_centers[block, c, 0] -= vx
                v_centers[block, c, 1] -= vy
                v_centers[block, c, 2] -= vz
