"""The CPU rasterizer's numba kernels as torch autograd functions."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hw4.splat.rasterize import (
    binning,
    blending,
    blending_backward,
    harmonics,
    projection,
    projection_backward,
)
from hw4.splat.rasterize.threads import n_threads, spread

JOBS_PER_THREAD = 8
"""Jobs of tiles for each thread: tiles differ in cost."""


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
            -(-N // projection.BLOCK),
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
        blocks = -(-len(means) // projection.BLOCK)
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
            -(-len(means) // harmonics.BLOCK),
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
        v_blocks = np.zeros((-(-len(means) // harmonics.BLOCK), len(centers), 3))
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
        centers, shapes, values, opaque = (_numpy(t) for t in (means2d, conics, colors, opacities))
        depths, extents, radii = (_numpy(t) for t in placed[:3])
        width, height = placed.width, placed.height
        C, N, D = colors.shape
        dtype = centers.dtype
        bits = depths.view(np.uint32 if dtype.itemsize == 4 else np.uint64)
        tiles_x, tiles_y = -(-width // binning.TILE_W), -(-height // binning.TILE_H)
        render_colors, render_t = np.empty((C, height, width, D), dtype), np.empty((C, height, width), dtype)
        ends = np.empty((C, height, width), np.int32)
        n_jobs = JOBS_PER_THREAD * n_threads()
        ctx.tiles = []
        for c in range(C):
            order = binning.depth_order(bits[c], radii[c])
            packed = np.empty((len(order), binning.N_PACKED), dtype)
            spread(
                binning.pack,
                binning.chunks(len(order)),
                order,
                centers[c],
                shapes[c],
                opaque[c],
                extents[c],
                packed,
            )
            lists = binning.tile_lists(packed, tiles_x, tiles_y)
            sorted_colors = values[c][order]
            schedule = binning.tile_schedule(lists[0], n_jobs)
            spread(
                blending.blend_forward,
                n_jobs,
                packed,
                sorted_colors,
                *lists[:2],
                schedule,
                n_jobs,
                tiles_x,
                render_colors[c],
                render_t[c],
                ends[c],
                per_thread=JOBS_PER_THREAD,
            )
            ctx.tiles.append((order, packed, sorted_colors, lists, schedule))
        ctx.n_jobs, ctx.tiles_x, ctx.shape = n_jobs, tiles_x, (C, N, D)
        ctx.render_t, ctx.ends = render_t, ends
        info["n_isects"] = sum(len(lists[1]) for _, _, _, lists, _ in ctx.tiles)
        return torch.from_numpy(render_colors), torch.from_numpy(1 - render_t[..., None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_colors: Tensor, v_alphas: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of means2d, conics, colours and opacities."""
        C, N, D = ctx.shape
        v_render, v_alpha = _numpy(v_colors), _numpy(v_alphas)[..., 0]
        dtype = v_render.dtype
        v_means2d, v_conics = np.zeros((C, N, 2), dtype), np.zeros((C, N, 3), dtype)
        v_points, v_opacities = np.zeros((C, N, D), dtype), np.zeros((C, N), dtype)
        for c, (order, packed, sorted_colors, lists, schedule) in enumerate(ctx.tiles):
            tile_offsets, ranks, slots, slot_offsets = lists
            slot_grads = np.empty((len(ranks), blending_backward.N_GEOMETRY + D), dtype)
            spread(
                blending_backward.blend_backward,
                ctx.n_jobs,
                packed,
                sorted_colors,
                tile_offsets,
                ranks,
                slots,
                schedule,
                ctx.n_jobs,
                ctx.tiles_x,
                ctx.render_t[c],
                ctx.ends[c],
                v_render[c],
                v_alpha[c],
                slot_grads,
                per_thread=JOBS_PER_THREAD,
            )
            spread(
                blending_backward.gather_gradients,
                binning.chunks(len(order)),
                order,
                slot_offsets,
                slot_grads,
                v_means2d[c],
                v_conics[c],
                v_opacities[c],
                v_points[c],
            )
        v = [torch.from_numpy(a) for a in (v_means2d, v_conics, v_points, v_opacities)]
        return (*v, None, None)
