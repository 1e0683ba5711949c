"""One training view on the CPU as one autograd function of the parameters before activation.

The kernels are those of `hw4.splat.rasterize.rasterize` on the CPU. In a small iteration torch's bookkeeping
of activations, of the steps between kernels and of their gradients takes longer than their arithmetic.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import ParameterDict

from hw4.splat.rasterize import harmonics, projection, projection_backward
from hw4.splat.rasterize.arguments import RasterOptions
from hw4.splat.rasterize.blended import PlaneGaussians, blend, blend_gradients
from hw4.splat.rasterize.cpu import describe, lens_of
from hw4.splat.rasterize.threads import in_turn, spread


class TrainedView(NamedTuple):
    """What is rendered besides the Gaussians.

    Attributes:
        K: (3, 3) intrinsics in pixels.
        background: (3,) colour behind everything.
        width, height: in pixels.
        sh_degree: SH degree to use.
    """

    K: Tensor
    background: Tensor
    width: int
    height: int
    sh_degree: int


def render_trained(
    parameters: ParameterDict, viewmat: Tensor, view: TrainedView
) -> tuple[Tensor, dict[str, Any]]:
    """Render float32 parameters on the CPU; differentiable in them and in the camera.

    Args:
        parameters: ``means`` (N, 3), ``quats`` (N, 4, wxyz), ``scales`` (N, 3, log), ``opacities`` (N,
            logit), ``sh0`` (N, 1, 3), ``shN`` (N, K - 1, 3), which gets no gradient at SH degree 0.
        viewmat: (4, 4) world-to-camera.
        view: which view.

    Returns:
        Image (H, W, 3) and `info` as of `hw4.splat.rasterize.rasterize`; ``means2d`` is a leaf that keeps its
        gradient.
    """
    means2d = torch.empty(1, len(parameters["means"]), 2).requires_grad_()
    info: dict[str, Any] = {}
    names = ("means", "quats", "scales", "opacities", "sh0", "shN")
    image: Tensor = _Trained.apply(view, info, *(parameters[name] for name in names), viewmat, means2d)
    return image, info


class _Trained(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, view: TrainedView, info: dict[str, Any], *tensors: Tensor) -> Tensor:
        """Image (H, W, 3); `tensors` in the order of `render_trained`. Fills means2d and `info`."""
        means, quats, log_scales, logits, sh0, bands, viewmat, means2d = (
            one.detach().numpy() for one in tensors
        )
        N, dtype, degree = len(means), means.dtype, view.sh_degree
        scales, opacities = np.exp(log_scales), 1 / (1 + np.exp(-logits))
        # Through the inverse, as gsplat does. At degree 0 no colour depends on where the camera is.
        inverse = np.linalg.inv(viewmat) if degree > 0 else np.eye(4, dtype=dtype)
        camera = (viewmat[None], view.K.numpy()[None])
        centers = np.ascontiguousarray(inverse[None, :3, 3])
        used = (degree + 1) ** 2 - 1
        coeffs = np.concatenate([sh0, bands[:, :used]], axis=1) if degree > 0 else sh0
        lens = lens_of(RasterOptions(), view.width, view.height, torch.float32)
        conics, colors = np.empty((1, N, 3), dtype), np.empty((1, N, 3), dtype)
        depths, compensations = np.empty((1, N), dtype), np.empty((1, N), dtype)
        extents, radii = np.empty((1, N, 2), dtype), np.empty((1, N, 2), np.int32)
        solids, placed = (means, quats, scales), (means2d, conics, depths, compensations, extents, radii)
        spread(
            in_turn(
                (projection.project_forward, *solids, opacities, *camera, *lens, *placed),
                (harmonics.colors_forward, means, coeffs, centers, radii, degree, colors),
            ),
            projection.blocks(N),
        )
        plane = (means2d[0], conics[0], depths[0], extents[0], radii[0], opacities, colors[0])
        blended = blend(PlaneGaussians(*plane), view.width, view.height)
        ctx.solids, ctx.opacities, ctx.camera, ctx.lens = solids, opacities, camera, lens
        ctx.plane, ctx.blended = (radii, conics, compensations), blended
        ctx.seen, ctx.inverse = (means, coeffs, centers, radii, degree, colors), inverse
        ctx.bands, ctx.background = bands.shape, view.background.numpy()
        given = (torch.from_numpy(array) for array in (radii, depths, conics, opacities[None]))
        info |= describe(tensors[-1], *given, size=(view.width, view.height))
        info["n_isects"] = len(blended.lists[1])
        if ctx.background.any():
            return torch.from_numpy(blended.image + blended.render_t[..., None] * ctx.background)
        return torch.from_numpy(blended.image)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_image: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of all tensors."""
        v_pixels = np.ascontiguousarray(v_image.detach().numpy())
        (means, quats, scales), opacities, lens = ctx.solids, ctx.opacities, ctx.lens
        coeffs, degree = ctx.seen[1], ctx.seen[4]
        N, dtype, blocks = len(means), means.dtype, projection.blocks(len(means))
        v_means2d, v_conics = np.empty((1, N, 2), dtype), np.empty((1, N, 3), dtype)
        v_opacities, v_colors = np.empty(N, dtype), np.empty((1, N, 3), dtype)
        v_seen, v_coeffs, v_centers = np.empty_like(means), np.empty_like(coeffs), np.zeros((blocks, 1, 3))
        v_means, v_quats, v_scales = np.empty_like(means), np.empty_like(quats), np.empty_like(scales)
        v_views, nothing = np.zeros((blocks, 1, 3, 4)), np.zeros((1, N), dtype)
        size = (lens.width, lens.height, lens.eps2d, lens.antialiased)
        of_plane = (*ctx.plane, v_means2d, v_conics, nothing, nothing)
        of_solids = (v_means, v_quats, v_scales, v_views)
        project_backward = projection_backward.project_backward
        blend_gradients(
            ctx.blended,
            v_pixels,
            -(v_pixels @ ctx.background),
            (v_means2d[0], v_conics[0], v_opacities, v_colors[0]),
            (harmonics.colors_backward, *ctx.seen, v_colors, v_seen, v_coeffs, v_centers),
            (project_backward, *ctx.solids, *ctx.camera, *size, *of_plane, *of_solids),
        )
        v_viewmat, v_bands = np.zeros((4, 4), dtype), None
        v_viewmat[:3] = v_views.sum(axis=(0, 1))
        if degree > 0:
            v_means += v_seen
            v_inverse = np.zeros((4, 4), dtype)
            v_inverse[:3, 3] = v_centers.sum(axis=(0, 1))
            v_viewmat -= ctx.inverse.T @ v_inverse @ ctx.inverse.T
            v_bands = np.zeros(ctx.bands, dtype)
            v_bands[:, : coeffs.shape[1] - 1] = v_coeffs[:, 1:]
            v_coeffs = np.ascontiguousarray(v_coeffs[:, :1])
        v_scales *= scales
        v_opacities *= opacities * (1 - opacities)
        found = (v_means, v_quats, v_scales, v_opacities, v_coeffs, v_bands, v_viewmat, v_means2d)
        return (None, None, *(None if array is None else torch.from_numpy(array) for array in found))
