"""Gradients of `hw4.splat.rasterize.projection`, in numba."""

import math

from hw4.splat.rasterize.compiled import kernel
from hw4.splat.rasterize.projection import BLOCK, rotation


@kernel(nogil=True, error_model="numpy")
def project_backward(  # type: ignore[no-untyped-def]
    first,
    stop,
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

    For the blocks first <= block < stop. `v_viewmats` (blocks, C, 3, 4) float64, zeros on entry, is summed
    over its first axis by the caller.
    """
    f = means.dtype.type
    half, one, two = f(0.5), f(1), f(2)
    eps = f(eps2d)
    for block in range(first, stop):
        begin, end = block * BLOCK, min(means.shape[0], (block + 1) * BLOCK)
        v_means[begin:end] = f(0)
        v_quats[begin:end] = f(0)
        v_scales[begin:end] = f(0)
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
            v_view = v_viewmats[block, c]
            for g in range(begin, end):
                if radii[c, g, 0] <= 0:
                    continue
                mx, my, mz = means[g, 0], means[g, 1], means[g, 2]
                x = v00 * mx + v01 * my + v02 * mz + v03
                y = v10 * mx + v11 * my + v12 * mz + v13
                z = v20 * mx + v21 * my + v22 * mz + v23
                rz = one / z
                rz2 = rz * rz

                raw_w, raw_x, raw_y, raw_z = quats[g, 0], quats[g, 1], quats[g, 2], quats[g, 3]
                norm = f(math.sqrt(raw_w * raw_w + raw_x * raw_x + raw_y * raw_y + raw_z * raw_z))
                inv = one / max(norm, f(1e-12))
                qw, qx, qy, qz = raw_w * inv, raw_x * inv, raw_y * inv, raw_z * inv
                r00, r01, r02, r10, r11, r12, r20, r21, r22 = rotation(qw, qx, qy, qz, one, two)
                s0, s1, s2 = scales[g, 0], scales[g, 1], scales[g, 2]
                inside_x = x * rz <= lim_x_pos and x * rz >= -lim_x_neg
                inside_y = y * rz <= lim_y_pos and y * rz >= -lim_y_neg
                tx = z * min(lim_x_pos, max(-lim_x_neg, x * rz))
                ty = z * min(lim_y_pos, max(-lim_y_neg, y * rz))
                j00, j02 = fx * rz, -fx * tx * rz2
                j11, j12 = fy * rz, -fy * ty * rz2

                # W = V R S (3x3): the Gaussian's axes in the camera.
                a00 = v00 * r00 + v01 * r10 + v02 * r20
                a01 = v00 * r01 + v01 * r11 + v02 * r21
                a02 = v00 * r02 + v01 * r12 + v02 * r22
                a10 = v10 * r00 + v11 * r10 + v12 * r20
                a11 = v10 * r01 + v11 * r11 + v12 * r21
                a12 = v10 * r02 + v11 * r12 + v12 * r22
                a20 = v20 * r00 + v21 * r10 + v22 * r20
                a21 = v20 * r01 + v21 * r11 + v22 * r21
                a22 = v20 * r02 + v21 * r12 + v22 * r22
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

                v_means[g, 0] += v00 * v_x + v10 * v_y + v20 * v_z
                v_means[g, 1] += v01 * v_x + v11 * v_y + v21 * v_z
                v_means[g, 2] += v02 * v_x + v12 * v_y + v22 * v_z
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

                g00 = v00 * vw00 + v10 * vw10 + v20 * vw20
                g01 = v00 * vw01 + v10 * vw11 + v20 * vw21
                g02 = v00 * vw02 + v10 * vw12 + v20 * vw22
                g10 = v01 * vw00 + v11 * vw10 + v21 * vw20
                g11 = v01 * vw01 + v11 * vw11 + v21 * vw21
                g12 = v01 * vw02 + v11 * vw12 + v21 * vw22
                g20 = v02 * vw00 + v12 * vw10 + v22 * vw20
                g21 = v02 * vw01 + v12 * vw11 + v22 * vw21
                g22 = v02 * vw02 + v12 * vw12 + v22 * vw22
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
