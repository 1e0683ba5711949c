"""CPU rasterizer: numba kernels behind torch autograd functions."""

import math
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hw4.splat.rasterize import binning, blending, harmonics, projection


def _numpy(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().numpy())


class _Project(torch.autograd.Function):
    """(means, quats, scales, viewmats) -> image-plane Gaussians (C, N, ...)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        viewmats: Tensor,
        opacities: Tensor,
        Ks: Tensor,
        settings: tuple[Any, ...],
    ) -> tuple[Tensor, ...]:
        width, height, eps2d, near_plane, far_plane, radius_clip, antialiased = settings
        C, N, dtype = len(viewmats), len(means), _numpy(means).dtype
        means2d, conics = np.empty((C, N, 2), dtype), np.empty((C, N, 3), dtype)
        depths, compensations = np.empty((C, N), dtype), np.empty((C, N), dtype)
        extents, radii = np.empty((C, N, 2), dtype), np.empty((C, N, 2), np.int32)
        projection.project_forward(
            _numpy(means),
            _numpy(quats),
            _numpy(scales),
            _numpy(opacities),
            _numpy(viewmats),
            _numpy(Ks),
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
        )
        results = [torch.from_numpy(a) for a in (means2d, conics, depths, compensations, extents, radii)]
        ctx.save_for_backward(means, quats, scales, viewmats, Ks, results[1], results[3], results[5])
        ctx.settings = settings
        ctx.mark_non_differentiable(results[4], results[5])
        ctx.set_materialize_grads(True)
        return tuple(results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        means, quats, scales, viewmats, Ks, conics, compensations, radii = (
            _numpy(t) for t in ctx.saved_tensors
        )
        width, height, eps2d, _, _, _, antialiased = ctx.settings
        v_means, v_quats, v_scales = np.empty_like(means), np.empty_like(quats), np.empty_like(scales)
        blocks = -(-len(means) // projection.BLOCK)
        v_blocks = np.zeros((blocks, len(viewmats), 3, 4))
        projection.project_backward(
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


class _Harmonics(torch.autograd.Function):
    """(means, SH coefficients, camera centres) -> colours (C, N, 3)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, means: Tensor, coeffs: Tensor, centers: Tensor, radii: Tensor, degree: int
    ) -> Tensor:
        colors = np.empty((len(centers), len(means), 3), _numpy(means).dtype)
        harmonics.colors_forward(
            _numpy(means), _numpy(coeffs), _numpy(centers), _numpy(radii), degree, colors
        )
        result = torch.from_numpy(colors)
        ctx.save_for_backward(means, coeffs, centers, radii, result)
        ctx.degree = degree
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_colors: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        means, coeffs, centers, radii, colors = (_numpy(t) for t in ctx.saved_tensors)
        v_means, v_coeffs = np.empty_like(means), np.empty_like(coeffs)
        v_blocks = np.zeros((-(-len(means) // harmonics.BLOCK), len(centers), 3))
        harmonics.colors_backward(
            means, coeffs, centers, radii, ctx.degree, colors, _numpy(v_colors), v_means, v_coeffs, v_blocks
        )
        v_centers = v_blocks.sum(axis=0).astype(means.dtype)
        return torch.from_numpy(v_means), torch.from_numpy(v_coeffs), torch.from_numpy(v_centers), None, None


class _Blend(torch.autograd.Function):
    """Image-plane Gaussians (C, N, ...) -> colours (C, H, W, D) and alphas (C, H, W, 1)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        means2d: Tensor,
        conics: Tensor,
        colors: Tensor,
        opacities: Tensor,
        depths: Tensor,
        extents: Tensor,
        radii: Tensor,
        width: int,
        height: int,
        info: dict[str, Any],
    ) -> tuple[Tensor, Tensor]:
        arrays = [_numpy(t) for t in (means2d, conics, colors, opacities, depths, extents, radii)]
        C, N, D = colors.shape
        dtype = arrays[0].dtype
        bits = arrays[4].view(np.uint32 if dtype.itemsize == 4 else np.uint64)
        tiles_x, tiles_y = -(-width // binning.TILE_W), -(-height // binning.TILE_H)
        render_colors, render_t = np.empty((C, height, width, D), dtype), np.empty((C, height, width), dtype)
        last = np.empty((C, height, width), np.int32)
        n_jobs = 8 * numba.get_num_threads()
        ctx.tiles = []
        for c in range(C):
            order = binning.depth_order(bits[c], arrays[6][c])
            packed = np.empty((len(order), binning.N_PACKED), dtype)
            binning.pack(order, arrays[0][c], arrays[1][c], arrays[3][c], arrays[5][c], packed)
            lists = binning.tile_lists(packed, tiles_x, tiles_y)
            sorted_colors = arrays[2][c][order]
            schedule = blending.tile_schedule(lists[0], n_jobs)
            blending.blend_forward(
                packed,
                sorted_colors,
                *lists[:2],
                schedule,
                n_jobs,
                tiles_x,
                render_colors[c],
                render_t[c],
                last[c],
            )
            ctx.tiles.append((order, packed, sorted_colors, lists, schedule))
        ctx.n_jobs, ctx.tiles_x, ctx.shape = n_jobs, tiles_x, (C, N, D)
        ctx.render_t, ctx.last = render_t, last
        info["n_isects"] = sum(len(lists[1]) for _, _, _, lists, _ in ctx.tiles)
        return torch.from_numpy(render_colors), torch.from_numpy(1 - render_t[..., None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_colors: Tensor, v_alphas: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        C, N, D = ctx.shape
        v_render, v_alpha = _numpy(v_colors), _numpy(v_alphas)[..., 0]
        dtype = v_render.dtype
        v_means2d, v_conics = np.zeros((C, N, 2), dtype), np.zeros((C, N, 3), dtype)
        v_points, v_opacities = np.zeros((C, N, D), dtype), np.zeros((C, N), dtype)
        for c, (order, packed, sorted_colors, lists, schedule) in enumerate(ctx.tiles):
            tile_offsets, ranks, slots, slot_offsets = lists
            slot_grads = np.empty((len(ranks), blending.N_GEOMETRY + D), dtype)
            blending.blend_backward(
                packed,
                sorted_colors,
                tile_offsets,
                ranks,
                slots,
                schedule,
                ctx.n_jobs,
                ctx.tiles_x,
                ctx.render_t[c],
                ctx.last[c],
                v_render[c],
                v_alpha[c],
                slot_grads,
            )
            blending.gather_gradients(
                order, slot_offsets, slot_grads, v_means2d[c], v_conics[c], v_opacities[c], v_points[c]
            )
        v = [torch.from_numpy(a) for a in (v_means2d, v_conics, v_points, v_opacities)]
        return (*v, None, None, None, None, None, None)


def rasterize_cpu(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    near_plane: float,
    far_plane: float,
    radius_clip: float,
    eps2d: float,
    sh_degree: int | None,
    backgrounds: Tensor | None,
    render_mode: str,
    rasterize_mode: str,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`hw4.splat.rasterize.rasterize` on the CPU; arguments as there, already checked."""
    C, N = len(viewmats), len(means)
    settings = (
        width,
        height,
        eps2d,
        near_plane,
        min(far_plane, torch.finfo(means.dtype).max),
        radius_clip,
        rasterize_mode == "antialiased",
    )
    means2d, conics, depths, compensations, extents, radii = _Project.apply(
        means, quats, scales, viewmats, opacities, Ks, settings
    )
    opacities = opacities.expand(C, N)
    if rasterize_mode == "antialiased":
        opacities = opacities * compensations
    info: dict[str, Any] = {
        "camera_ids": None,
        "gaussian_ids": None,
        "radii": radii,
        "means2d": means2d,
        "depths": depths,
        "conics": conics,
        "opacities": opacities,
        "width": width,
        "height": height,
        "tile_size": binning.TILE_W,
        "tile_width": math.ceil(width / binning.TILE_W),
        "tile_height": math.ceil(height / binning.TILE_H),
        "n_batches": 1,
        "n_cameras": C,
    }
    if render_mode in ("D", "ED"):
        features = depths[..., None]
    elif sh_degree is not None:
        # Through the inverse, as gsplat does, so that gradients of viewmats agree entry by entry.
        centers = torch.linalg.inv(viewmats)[:, :3, 3]
        features = _Harmonics.apply(means, colors, centers, radii, sh_degree)
    else:
        features = colors.expand(C, N, colors.shape[-1]) if colors.dim() == 2 else colors
    if render_mode in ("RGB+D", "RGB+ED"):
        features = torch.cat((features, depths[..., None]), dim=-1)
    render_colors, render_alphas = _Blend.apply(
        means2d, conics, features, opacities, depths, extents, radii, width, height, info
    )
    if backgrounds is not None:
        if render_mode in ("D", "ED"):
            backgrounds = torch.zeros_like(render_colors[:, 0, 0])
        elif render_mode in ("RGB+D", "RGB+ED"):
            backgrounds = torch.cat((backgrounds, torch.zeros_like(backgrounds[:, :1])), dim=-1)
        render_colors = render_colors + (1 - render_alphas) * backgrounds[:, None, None]
    if render_mode in ("ED", "RGB+ED"):
        expected = render_colors[..., -1:] / render_alphas.clamp(min=1e-10)
        render_colors = torch.cat((render_colors[..., :-1], expected), dim=-1)
    return render_colors, render_alphas, info
