"""Projection of 3D Gaussians to image-plane Gaussians, in numba; backward in `projection_backward`.

EWA splatting with a pinhole camera (Zwicker et al. 2001; Kerbl et al. 2023, eq. 5), with gsplat's
conventions: the Jacobian is evaluated at a centre clamped to 1.3 times the field of view, `eps2d` is added to
the diagonal of the 2D covariance, and the bounding box is the tightest one outside which alpha < 1/255.

With ``B = J W R S`` (2x3) the covariance is ``B Bᵀ`` and its determinant the sum of squared 2x2 minors
(Cauchy-Binet), which cannot become negative by cancellation however thin the Gaussian is.
"""

import math

import numpy as np

from hw4.splat.rasterize.compiled import kernel

BLOCK = 2048
"""Gaussians per block. Fixed, so that sums over blocks do not depend on the number of threads."""


def blocks(n: int) -> int:
    """Blocks that n Gaussians make."""
    return -(-n // BLOCK)


MAX_EXTEND = 3.33
"""Standard deviations beyond which alpha < 1/255 whatever the opacity (gsplat)."""


@kernel(forceinline=True)
def rotation(qw, qx, qy, qz, one, two):  # type: ignore[no-untyped-def]
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


@kernel(nogil=True, error_model="numpy")
def project_forward(  # type: ignore[no-untyped-def]
    first,
    stop,
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
    """Fill (C, N, ...) image-plane Gaussians of the blocks first <= block < stop.

    What is not visible gets zero radii and zero values. `extents` (C, N, 2) are the half sizes in pixels of
    the tight bounding box; `radii` the same rounded up.
    """
    f = means.dtype.type
    zero, half, one, two = f(0), f(0.5), f(1), f(2)
    eps = f(eps2d)
    for block in range(first, stop):
        begin, end = block * BLOCK, min(means.shape[0], (block + 1) * BLOCK)
        # Zeroed here and not by the caller, so that the memory's first touch is parallel too.
        means2d[:, begin:end] = zero
        conics[:, begin:end] = zero
        depths[:, begin:end] = zero
        compensations[:, begin:end] = one
        extents[:, begin:end] = zero
        radii[:, begin:end] = 0
        for c in range(viewmats.shape[0]):
            V = viewmats[c]
            v00, v01, v02, v03 = V[0, 0], V[0, 1], V[0, 2], V[0, 3]
            v10, v11, v12, v13 = V[1, 0], V[1, 1], V[1, 2], V[1, 3]
            v20, v21, v22, v23 = V[2, 0], V[2, 1], V[2, 2], V[2, 3]
            fx, fy, cx, cy = Ks[c, 0, 0], Ks[c, 1, 1], Ks[c, 0, 2], Ks[c, 1, 2]
            margin_x = f(0.3) * half * f(width) / fx
            margin_y = f(0.3) * half * f(height) / fy
            lim_x_pos, lim_x_neg = (f(width) - cx) / fx + margin_x, cx / fx + margin_x
            lim_y_pos, lim_y_neg = (f(height) - cy) / fy + margin_y, cy / fy + margin_y
            for g in range(begin, end):
                mx, my, mz = means[g, 0], means[g, 1], means[g, 2]
                z = v20 * mx + v21 * my + v22 * mz + v23
                # Negated, so that NaN is culled as well.
                if not (z >= near_plane and z <= far_plane):
                    continue
                x = v00 * mx + v01 * my + v02 * mz + v03
                y = v10 * mx + v11 * my + v12 * mz + v13
                rz = one / z

                qw, qx, qy, qz = quats[g, 0], quats[g, 1], quats[g, 2], quats[g, 3]
                inv = one / max(f(math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)), f(1e-12))
                r00, r01, r02, r10, r11, r12, r20, r21, r22 = rotation(
                    qw * inv, qx * inv, qy * inv, qz * inv, one, two
                )
                tx = z * min(lim_x_pos, max(-lim_x_neg, x * rz))
                ty = z * min(lim_y_pos, max(-lim_y_neg, y * rz))
                j00, j02 = fx * rz, -fx * tx * rz * rz
                j11, j12 = fy * rz, -fy * ty * rz * rz
                # Rows of J V (2x3), then of B = J V R S.
                p0, p1, p2 = (
                    j00 * v00 + j02 * v20,
                    j00 * v01 + j02 * v21,
                    j00 * v02 + j02 * v22,
                )
                q0, q1, q2 = (
                    j11 * v10 + j12 * v20,
                    j11 * v11 + j12 * v21,
                    j11 * v12 + j12 * v22,
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
