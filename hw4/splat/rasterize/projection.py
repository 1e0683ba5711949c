"""Projection of 3D Gaussians to image-plane Gaussians, forward and backward, in numba.

EWA splatting with a pinhole camera (Zwicker et al. 2001; Kerbl et al. 2023, eq. 5), with gsplat's
conventions: the Jacobian is evaluated at a centre clamped to 1.3 times the field of view, `eps2d` is added to
the diagonal of the 2D covariance, and the bounding box is the tightest one outside which alpha < 1/255.

With ``B = J W R S`` (2x3) the covariance is ``B Bᵀ`` and its determinant the sum of squared 2x2 minors
(Cauchy-Binet), which cannot become negative by cancellation however thin the Gaussian is.
"""

import math

import numpy as np
from numba import njit, prange

BLOCK = 2048
"""Gaussians per parallel block. Fixed, so that sums over blocks do not depend on the number of threads."""

MAX_EXTEND = 3.33
"""Standard deviations beyond which alpha < 1/255 whatever the opacity (gsplat)."""


@njit(cache=True, inline="always")
def _rotation(qw, qx, qy, qz, one, two):  # type: ignore[no-untyped-def]
    """Entries of the rotation matrix of a unit quaternion, row by row."""
    return (
        one - two * (qy * qy + qz * qz),
        two * (qx * qy - qw * qz),
        two * (qx * qz + qw * qy),
        two * (qx * qy + qw * qz),
        one - two * (qx * qx + qz * qz),
        two * (qy * qz - qw * qx),
        two * (qx * qz - qw * qy),
        two * (qy * qz + qw * qx),
        one - two * (qx * qx + qy * qy),
    )


@njit(parallel=True, cache=True, error_model="numpy")
def project_forward(  # type: ignore[no-untyped-def]
    means,
    quats,
    scales,
    opacities,
    viewmats,
    Ks,
    width,
    height,
    eps2d,
    near_plane,
    far_plane,
    radius_clip,
    antialiased,
    means2d,
    conics,
    depths,
    compensations,
    extents,
    radii,
):
    """Fill (C, N, ...) image-plane Gaussians; what is not visible gets zero radii and zero values.

    `extents` (C, N, 2) are the half sizes in pixels of the tight bounding box; `radii` the same rounded up.
    """
    n = means.shape[0]
    f = means.dtype.type
    zero, half, one, two = f(0), f(0.5), f(1), f(2)
    eps = f(eps2d)
    for block in prange((n + BLOCK - 1) // BLOCK):
        begin, end = block * BLOCK, min(n, (block + 1) * BLOCK)
        # Zeroed here and not by the caller, so that the memory's first touch is parallel too.
        means2d[:, begin:end] = zero
        conics[:, begin:end] = zero
        depths[:, begin:end] = zero
        compensations[:, begin:end] = one
        extents[:, begin:end] = zero
        radii[:, begin:end] = 0
        for c in range(viewmats.shape[0]):
            V = viewmats[c]
            fx, fy, cx, cy = Ks[c, 0, 0], Ks[c, 1, 1], Ks[c, 0, 2], Ks[c, 1, 2]
            margin_x = f(0.3) * half * f(width) / fx
            margin_y = f(0.3) * half * f(height) / fy
            lim_x_pos, lim_x_neg = (f(width) - cx) / fx + margin_x, cx / fx + margin_x
            lim_y_pos, lim_y_neg = (f(height) - cy) / fy + margin_y, cy / fy + margin_y
            for g in range(begin, end):
                mx, my, mz = means[g, 0], means[g, 1], means[g, 2]
                z = V[2, 0] * mx + V[2, 1] * my + V[2, 2] * mz + V[2, 3]
                # Negated, so that NaN is culled as well.
                if not (z >= near_plane and z <= far_plane):
                    continue
                x = V[0, 0] * mx + V[0, 1] * my + V[0, 2] * mz + V[0, 3]
                y = V[1, 0] * mx + V[1, 1] * my + V[1, 2] * mz + V[1, 3]
                rz = one / z

                qw, qx, qy, qz = quats[g, 0], quats[g, 1], quats[g, 2], quats[g, 3]
                inv = one / max(f(math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)), f(1e-12))
                r00, r01, r02, r10, r11, r12, r20, r21, r22 = _rotation(
                    qw * inv, qx * inv, qy * inv, qz * inv, one, two
                )
                tx = z * min(lim_x_pos, max(-lim_x_neg, x * rz))
                ty = z * min(lim_y_pos, max(-lim_y_neg, y * rz))
                j00, j02 = fx * rz, -fx * tx * rz * rz
                j11, j12 = fy * rz, -fy * ty * rz * rz
                # Rows of J V (2x3), then of B = J V R S.
                p0, p1, p2 = (
                    j00 * V[0, 0] + j02 * V[2, 0],
                    j00 * V[0, 1] + j02 * V[2, 1],
                    j00 * V[0, 2] + j02 * V[2, 2],
                )
                q0, q1, q2 = (
                    j11 * V[1, 0] + j12 * V[2, 0],
                    j11 * V[1, 1] + j12 * V[2, 1],
                    j11 * V[1, 2] + j12 * V[2, 2],
                )
                s0, s1, s2 = scales[g, 0], scales[g, 1], scales[g, 2]
                b00 = (p0 * r00 + p1 * r10 + p2 * r20) * s0
                b01 = (p0 * r01 + p1 * r11 + p2 * r21) * s1
                b02 = (p0 * r02 + p1 * r12 + p2 * r22) * s2
                b10 = (q0 * r00 + q1 * r10 + q2 * r20) * s0
                b11 = (q0 * r01 + q1 * r11 + q2 * r21) * s1
                b12 = (q0 * r02 + q1 * r12 + q2 * r22) * s2
                c00 = b00 * b00 + b01 * b01 + b02 * b02
                c01 = b00 * b10 + b01 * b11 + b02 * b12
                c11 = b10 * b10 + b11 * b11 + b12 * b12
                minor0, minor1, minor2 = b00 * b11 - b01 * b10, b00 * b12 - b02 * b10, b01 * b12 - b02 * b11
                det_raw = minor0 * minor0 + minor1 * minor1 + minor2 * minor2
                det = det_raw + eps * (c00 + c11) + eps * eps
                if not (det > zero and det < f(np.inf)):
                    continue
                opacity = opacities[g]
                compensation = one
                if antialiased:
                    compensation = f(math.sqrt(det_raw / det))
                    opacity = opacity * compensation
                if not (opacity >= f(1.0 / 255.0)):
                    continue
                extend = min(f(MAX_EXTEND), f(math.sqrt(two * math.log(opacity * f(255.0)))))
                ex = extend * f(math.sqrt(c00 + eps))
                ey = extend * f(math.sqrt(c11 + eps))
                radius_x, radius_y = math.ceil(ex), math.ceil(ey)
                if radius_x <= radius_clip and radius_y <= radius_clip:
                    continue
                u = fx * x * rz + cx
                v = fy * y * rz + cy
                if not (
                    u + radius_x > zero
                    and u - radius_x < width
                    and v + radius_y > zero
                    and v - radius_y < height
                ):
                    continue
                means2d[c, g, 0], means2d[c, g, 1] = u, v
                conics[c, g, 0] = (c11 + eps) / det
                conics[c, g, 1] = -c01 / det
                conics[c, g, 2] = (c00 + eps) / det
                depths[c, g] = z
                compensations[c, g] = compensation
                extents[c, g, 0], extents[c, g, 1] = ex, ey
                radii[c, g, 0] = np.int32(max(1.0, min(radius_x, 2.0**30)))
                radii[c, g, 1] = np.int32(max(1.0, min(radius_y, 2.0**30)))


@njit(parallel=True, cache=True, error_model="numpy")
def project_backward(  # type: ignore[no-untyped-def]
    means,
    quats,
    scales,
    viewmats,
    Ks,
    width,
    height,
    eps2d,
    antialiased,
    radii,
    conics,
    compensations,
    v_means2d,
    v_conics,
    v_depths,
    v_compensations,
    v_means,
    v_quats,
    v_scales,
    v_viewmats,
):
    """Fill the gradients of a loss with respect to means, quats, scales and, per block, viewmats.

    `v_viewmats` (blocks, C, 3, 4) float64, zeros on entry, is summed over its first axis by the caller.
    """
    n = means.shape[0]
    f = means.dtype.type
    half, one, two = f(0.5), f(1), f(2)
    eps = f(eps2d)
    for block in prange((n + BLOCK - 1) // BLOCK):
        begin, end = block * BLOCK, min(n, (block + 1) * BLOCK)
        v_means[begin:end] = f(0)
        v_quats[begin:end] = f(0)
        v_scales[begin:end] = f(0)
        for c in range(viewmats.shape[0]):
            V = viewmats[c]
            fx, fy, cx, cy = Ks[c, 0, 0], Ks[c, 1, 1], Ks[c, 0, 2], Ks[c, 1, 2]
            margin_x = f(0.3) * half * f(width) / fx
            margin_y = f(0.3) * half * f(height) / fy
            lim_x_pos, lim_x_neg = (f(width) - cx) / fx + margin_x, cx / fx + margin_x
            lim_y_pos, lim_y_neg = (f(height) - cy) / fy + margin_y, cy / fy + margin_y
            v_view = v_viewmats[block, c]
            for g in range(begin, end):
                if radii[c, g, 0] <= 0:
                    continue
                mx, my, mz = means[g, 0], means[g, 1], means[g, 2]
                x = V[0, 0] * mx + V[0, 1] * my + V[0, 2] * mz + V[0, 3]
                y = V[1, 0] * mx + V[1, 1] * my + V[1, 2] * mz + V[1, 3]
                z = V[2, 0] * mx + V[2, 1] * my + V[2, 2] * mz + V[2, 3]
                rz = one / z
                rz2 = rz * rz

                raw_w, raw_x, raw_y, raw_z = quats[g, 0], quats[g, 1], quats[g, 2], quats[g, 3]
                norm = f(math.sqrt(raw_w * raw_w + raw_x * raw_x + raw_y * raw_y + raw_z * raw_z))
                inv = one / max(norm, f(1e-12))
                qw, qx, qy, qz = raw_w * inv, raw_x * inv, raw_y * inv, raw_z * inv
                r00, r01, r02, r10, r11, r12, r20, r21, r22 = _rotation(qw, qx, qy, qz, one, two)
                s0, s1, s2 = scales[g, 0], scales[g, 1], scales[g, 2]
                inside_x = x * rz <= lim_x_pos and x * rz >= -lim_x_neg
                inside_y = y * rz <= lim_y_pos and y * rz >= -lim_y_neg
                tx = z * min(lim_x_pos, max(-lim_x_neg, x * rz))
                ty = z * min(lim_y_pos, max(-lim_y_neg, y * rz))
                j00, j02 = fx * rz, -fx * tx * rz2
                j11, j12 = fy * rz, -fy * ty * rz2

                # W = V R S (3x3): the Gaussian's axes in the camera.
                a00 = V[0, 0] * r00 + V[0, 1] * r10 + V[0, 2] * r20
                a01 = V[0, 0] * r01 + V[0, 1] * r11 + V[0, 2] * r21
                a02 = V[0, 0] * r02 + V[0, 1] * r12 + V[0, 2] * r22
                a10 = V[1, 0] * r00 + V[1, 1] * r10 + V[1, 2] * r20
                a11 = V[1, 0] * r01 + V[1, 1] * r11 + V[1, 2] * r21
                a12 = V[1, 0] * r02 + V[1, 1] * r12 + V[1, 2] * r22
                a20 = V[2, 0] * r00 + V[2, 1] * r10 + V[2, 2] * r20
                a21 = V[2, 0] * r01 + V[2, 1] * r11 + V[2, 2] * r21
                a22 = V[2, 0] * r02 + V[2, 1] * r12 + V[2, 2] * r22
                w00, w01, w02 = a00 * s0, a01 * s1, a02 * s2
                w10, w11, w12 = a10 * s0, a11 * s1, a12 * s2
                w20, w21, w22 = a20 * s0, a21 * s1, a22 * s2
                b00, b01, b02 = j00 * w00 + j02 * w20, j00 * w01 + j02 * w21, j00 * w02 + j02 * w22
                b10, b11, b12 = j11 * w10 + j12 * w20, j11 * w11 + j12 * w21, j11 * w12 + j12 * w22

                # d(loss)/d(cov2d) = -Q G Q with Q the conic, G its symmetric gradient.
                ca, cb, cc = conics[c, g, 0], conics[c, g, 1], conics[c, g, 2]
                ga, gb, gc = v_conics[c, g, 0], half * v_conics[c, g, 1], v_conics[c, g, 2]
                h00, h01 = ca * ga + cb * gb, ca * gb + cb * gc
                h10, h11 = cb * ga + cc * gb, cb * gb + cc * gc
                m00 = -(h00 * ca + h01 * cb)
                m01 = -(h00 * cb + h01 * cc)
                m11 = -(h10 * cb + h11 * cc)
                if antialiased:
                    comp = compensations[c, g]
                    v_sq = half * v_compensations[c, g] / max(comp, f(1e-6))
                    rest = one - comp * comp
                    det_inv = ca * cc - cb * cb
                    m00 += v_sq * (rest * ca - eps * det_inv)
                    m01 += v_sq * rest * cb
                    m11 += v_sq * (rest * cc - eps * det_inv)

                vb00, vb01, vb02 = (
                    two * (m00 * b00 + m01 * b10),
                    two * (m00 * b01 + m01 * b11),
                    two * (m00 * b02 + m01 * b12),
                )
                vb10, vb11, vb12 = (
                    two * (m01 * b00 + m11 * b10),
                    two * (m01 * b01 + m11 * b11),
                    two * (m01 * b02 + m11 * b12),
                )
                v_j00 = vb00 * w00 + vb01 * w01 + vb02 * w02
                v_j02 = vb00 * w20 + vb01 * w21 + vb02 * w22
                v_j11 = vb10 * w10 + vb11 * w11 + vb12 * w12
                v_j12 = vb10 * w20 + vb11 * w21 + vb12 * w22

                v_u, v_v = v_means2d[c, g, 0], v_means2d[c, g, 1]
                v_x = fx * rz * v_u
                v_y = fy * rz * v_v
                v_z = v_depths[c, g] - (fx * x * v_u + fy * y * v_v) * rz2
                v_z -= (fx * v_j00 + fy * v_j11) * rz2
                if inside_x:
                    v_x -= fx * rz2 * v_j02
                    v_z += two * fx * x * rz2 * rz * v_j02
                else:
                    v_z += fx * tx * rz2 * rz * v_j02
                if inside_y:
                    v_y -= fy * rz2 * v_j12
                    v_z += two * fy * y * rz2 * rz * v_j12
                else:
                    v_z += fy * ty * rz2 * rz * v_j12

                # Gradient of the axes W: rows 0 and 1 pass through the diagonal of J, row 2 through its
                # last column.
                vw00, vw01, vw02 = j00 * vb00, j00 * vb01, j00 * vb02
                vw10, vw11, vw12 = j11 * vb10, j11 * vb11, j11 * vb12
                vw20, vw21, vw22 = j02 * vb00 + j12 * vb10, j02 * vb01 + j12 * vb11, j02 * vb02 + j12 * vb12
                v_scales[g, 0] += vw00 * a00 + vw10 * a10 + vw20 * a20
                v_scales[g, 1] += vw01 * a01 + vw11 * a11 + vw21 * a21
                v_scales[g, 2] += vw02 * a02 + vw12 * a12 + vw22 * a22
                vw00, vw10, vw20 = vw00 * s0, vw10 * s0, vw20 * s0
                vw01, vw11, vw21 = vw01 * s1, vw11 * s1, vw21 * s1
                vw02, vw12, vw22 = vw02 * s2, vw12 * s2, vw22 * s2

                v_means[g, 0] += V[0, 0] * v_x + V[1, 0] * v_y + V[2, 0] * v_z
                v_means[g, 1] += V[0, 1] * v_x + V[1, 1] * v_y + V[2, 1] * v_z
                v_means[g, 2] += V[0, 2] * v_x + V[1, 2] * v_y + V[2, 2] * v_z
                v_view[0, 0] += v_x * mx + vw00 * r00 + vw01 * r01 + vw02 * r02
                v_view[0, 1] += v_x * my + vw00 * r10 + vw01 * r11 + vw02 * r12
                v_view[0, 2] += v_x * mz + vw00 * r20 + vw01 * r21 + vw02 * r22
                v_view[1, 0] += v_y * mx + vw10 * r00 + vw11 * r01 + vw12 * r02
                v_view[1, 1] += v_y * my + vw10 * r10 + vw11 * r11 + vw12 * r12
                v_view[1, 2] += v_y * mz + vw10 * r20 + vw11 * r21 + vw12 * r22
                v_view[2, 0] += v_z * mx + vw20 * r00 + vw21 * r01 + vw22 * r02
                v_view[2, 1] += v_z * my + vw20 * r10 + vw21 * r11 + vw22 * r12
                v_view[2, 2] += v_z * mz + vw20 * r20 + vw21 * r21 + vw22 * r22
                v_view[0, 3] += v_x
                v_view[1, 3] += v_y
                v_view[2, 3] += v_z

                g00 = V[0, 0] * vw00 + V[1, 0] * vw10 + V[2, 0] * vw20
                g01 = V[0, 0] * vw01 + V[1, 0] * vw11 + V[2, 0] * vw21
                g02 = V[0, 0] * vw02 + V[1, 0] * vw12 + V[2, 0] * vw22
                g10 = V[0, 1] * vw00 + V[1, 1] * vw10 + V[2, 1] * vw20
                g11 = V[0, 1] * vw01 + V[1, 1] * vw11 + V[2, 1] * vw21
                g12 = V[0, 1] * vw02 + V[1, 1] * vw12 + V[2, 1] * vw22
                g20 = V[0, 2] * vw00 + V[1, 2] * vw10 + V[2, 2] * vw20
                g21 = V[0, 2] * vw01 + V[1, 2] * vw11 + V[2, 2] * vw21
                g22 = V[0, 2] * vw02 + V[1, 2] * vw12 + V[2, 2] * vw22
                vqw = two * (qx * (g21 - g12) + qy * (g02 - g20) + qz * (g10 - g01))
                vqx = two * (-two * qx * (g11 + g22) + qy * (g01 + g10) + qz * (g02 + g20) + qw * (g21 - g12))
                vqy = two * (-two * qy * (g00 + g22) + qx * (g01 + g10) + qz * (g12 + g21) + qw * (g02 - g20))
                vqz = two * (-two * qz * (g00 + g11) + qx * (g02 + g20) + qy * (g12 + g21) + qw * (g10 - g01))
                along = vqw * qw + vqx * qx + vqy * qy + vqz * qz
                if norm < f(1e-12):
                    along = f(0)
                v_quats[g, 0] += (vqw - along * qw) * inv
                v_quats[g, 1] += (vqx - along * qx) * inv
                v_quats[g, 2] += (vqy - along * qy) * inv
                v_quats[g, 3] += (vqz - along * qz) * inv
