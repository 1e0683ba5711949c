"""The CPU rasterizer's numba kernels as torch autograd functions."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hw4.splat.rasterize import harmonics, projection, projection_backward
from hw4.splat.rasterize.blended import PlaneGaussians, blend, blend_gradients
from hw4.splat.rasterize.threads import spread


def _numpy(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().numpy())


class Lens(NamedTuple):
    """What `Project` needs besides tensors, in the order of `projection.project_forward`'s arguments.

    Attributes:
        width, height: of the image, in pixels.
        eps2d, near_plane, far_plane, radius_clip: see `RasterOptions`; all finite in the tensors' precision.
        antialiased: whether opacities are compensated.
    """

    width: int
    height: int
    eps2d: float
    near_plane: float
    far_plane: float
    radius_clip: float
    antialiased: bool


class Placed(NamedTuple):
    """Where image-plane Gaussians lie; no gradient passes through it.

    Attributes:
        depths: (C, N) z in the camera.
        extents: (C, N, 2) half sizes of the boxes in which they can be seen, in pixels.
        radii: (C, N, 2) int32, 0 where not visible.
        width, height: of the image, in pixels.
    """

    depths: Tensor
    extents: Tensor
    radii: Tensor
    width: int
    height: int


class Project(torch.autograd.Function):
    """(means, quats, scales, viewmats) -> image-plane Gaussians (C, N, ...)."""

    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        viewmats: Tensor,
        opacities: Tensor,
        Ks: Tensor,
        lens: Lens,
    ) -> tuple[Tensor, ...]:
        """Image-plane Gaussians."""
        C, N, dtype = len(viewmats), len(means), _numpy(means).dtype
        means2d, conics = np.empty((C, N, 2), dtype), np.empty((C, N, 3), dtype)
        depths, compensations = np.empty((C, N), dtype), np.empty((C, N), dtype)
        extents, radii = np.empty((C, N, 2), dtype), np.empty((C, N, 2), np.int32)
        spread(
            projection.project_forward,
            projection.blocks(N),
            _numpy(means),
            _numpy(quats),
            _numpy(scales),
            _numpy(opacities),
            _numpy(viewmats),
            _numpy(Ks),
            *lens,
            means2d,
            conics,
            depths,
            compensations,
            extents,
            radii,
        )
        results = [torch.from_numpy(a) for a in (means2d, conics, depths, compensations, extents, radii)]
        ctx.save_for_backward(means, quats, scales, viewmats, Ks, results[1], results[3], results[5])
        ctx.lens = lens
        ctx.mark_non_differentiable(results[4], results[5])
        ctx.set_materialize_grads(True)
        return tuple(results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of means, quats, scales and viewmats."""
        means, quats, scales, viewmats, Ks, conics, compensations, radii = (
            _numpy(t) for t in ctx.saved_tensors
        )
        lens = ctx.lens
        v_means, v_quats, v_scales = np.empty_like(means), np.empty_like(quats), np.empty_like(scales)
        blocks = projection.blocks(len(means))
        v_blocks = np.zeros((blocks, len(viewmats), 3, 4))
        spread(
            projection_backward.project_backward,
            blocks,
            means,
            quats,
            scales,
            viewmats,
            Ks,
            lens.width,
            lens.height,
            lens.eps2d,
            lens.antialiased,
            radii,
            conics,
            compensations,
            _numpy(grads[0]),
            _numpy(grads[1]),
            _numpy(grads[2]),
            _numpy(grads[3]),
            v_means,
            v_quats,
            v_scales,
            v_blocks,
        )
        v_viewmats = np.zeros_like(viewmats)
        v_viewmats[:, :3] = v_blocks.sum(axis=0)
        v = [torch.from_numpy(a) for a in (v_means, v_quats, v_scales, v_viewmats)]
        return (*v, None, None, None)


class Harmonics(torch.autograd.Function):
    """(means, SH coefficients, camera centres) -> colours (C, N, 3)."""

    @staticmethod
    def forward(
        ctx: Any, means: Tensor, coeffs: Tensor, centers: Tensor, radii: Tensor, degree: int
    ) -> Tensor:
        """Colours of SH degree `degree`; zero where `radii` say that a Gaussian is not visible."""
        colors = np.empty((len(centers), len(means), 3), _numpy(means).dtype)
        spread(
            harmonics.colors_forward,
            projection.blocks(len(means)),
            _numpy(means),
            _numpy(coeffs),
            _numpy(centers),
            _numpy(radii),
            degree,
            colors,
        )
        result = torch.from_numpy(colors)
        ctx.save_for_backward(means, coeffs, centers, radii, result)
        ctx.degree = degree
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_colors: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of means, coefficients and centres."""
        means, coeffs, centers, radii, colors = (_numpy(t) for t in ctx.saved_tensors)
        v_means, v_coeffs = np.empty_like(means), np.empty_like(coeffs)
        v_blocks = np.zeros((projection.blocks(len(means)), len(centers), 3))
        spread(
            harmonics.colors_backward,
            len(v_blocks),
            means,
            coeffs,
            centers,
            radii,
            ctx.degree,
            colors,
            _numpy(v_colors),
            v_means,
            v_coeffs,
            v_blocks,
        )
        v_centers = v_blocks.sum(axis=0).astype(means.dtype)
        return torch.from_numpy(v_means), torch.from_numpy(v_coeffs), torch.from_numpy(v_centers), None, None


class Blend(torch.autograd.Function):
    """Image-plane Gaussians (C, N, ...) -> colours (C, H, W, D) and alphas (C, H, W, 1)."""

    @staticmethod
    def forward(
        ctx: Any,
        means2d: Tensor,
        conics: Tensor,
        colors: Tensor,
        opacities: Tensor,
        placed: Placed,
        info: dict[str, Any],
    ) -> tuple[Tensor, Tensor]:
        """Blend camera by camera; puts ``n_isects`` into `info`."""
        given = [_numpy(t) for t in (means2d, conics, *placed[:3], opacities, colors)]
        ctx.views = [
            blend(PlaneGaussians(*(array[c] for array in given)), placed.width, placed.height)
            for c in range(len(colors))
        ]
        info["n_isects"] = sum(len(view.lists[1]) for view in ctx.views)
        images = np.stack([view.image for view in ctx.views])
        alphas = np.stack([1 - view.render_t[..., None] for view in ctx.views])
        return torch.from_numpy(images), torch.from_numpy(alphas)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_colors: Tensor, v_alphas: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of means2d, conics, colours and opacities."""
        v_render, v_alpha = _numpy(v_colors), _numpy(v_alphas)[..., 0]
        C, N, D = len(ctx.views), len(ctx.views[0].places), v_render.shape[-1]
        v_means2d, v_conics, v_opacities, v_points = (
            np.empty((C, N, *shape), v_render.dtype) for shape in ((2,), (3,), (), (D,))
        )
        for c, view in enumerate(ctx.views):
            found = (v_means2d[c], v_conics[c], v_opacities[c], v_points[c])
            blend_gradients(view, v_render[c], v_alpha[c], found)
        v = [torch.from_numpy(a) for a in (v_means2d, v_conics, v_points, v_opacities)]
        return (*v, None, None)
