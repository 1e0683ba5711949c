"""CPU rasterizer: projection, colours and blending, each a numba kernel with a hand-written backward."""

import math
from typing import Any

import torch
from torch import Tensor

from hw4.splat.rasterize import binning
from hw4.splat.rasterize.arguments import RasterOptions, Splats, Views
from hw4.splat.rasterize.functions import Blend, Harmonics, Lens, Placed, Project


def lens_of(options: RasterOptions, width: int, height: int, dtype: torch.dtype) -> Lens:
    """What the projection needs besides tensors, of pictures of so many pixels."""
    return Lens(
        width,
        height,
        options.eps2d,
        options.near_plane,
        min(options.far_plane, torch.finfo(dtype).max),
        options.radius_clip,
        options.rasterize_mode == "antialiased",
    )


def describe(*tensors: Tensor, size: tuple[int, int]) -> dict[str, Any]:
    """What gsplat's strategies read of C pictures.

    Args:
        tensors: (C, N, ...) means2d, radii, depths, conics and opacities.
        size: width and height in pixels.
    """
    means2d, radii, depths, conics, opacities = tensors
    width, height = size
    return {
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
        "n_cameras": len(means2d),
    }


def rasterize_cpu(
    splats: Splats, views: Views, options: RasterOptions
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`hw4.splat.rasterize.rasterize` on the CPU; arguments already checked."""
    means, colors, viewmats = splats.means, splats.colors, views.viewmats
    C, N, width, height = len(viewmats), len(means), views.width, views.height
    antialiased = options.rasterize_mode == "antialiased"
    lens = lens_of(options, width, height, means.dtype)
    means2d, conics, depths, compensations, extents, radii = Project.apply(
        means, splats.quats, splats.scales, viewmats, splats.opacities, views.Ks, lens
    )
    opacities = splats.opacities.expand(C, N)
    if antialiased:
        opacities = opacities * compensations
    info = describe(means2d, radii, depths, conics, opacities, size=(width, height))
    if options.depth_only:
        features = depths[..., None]
    elif options.sh_degree is not None:
        # Through the inverse, as gsplat does, so that gradients of viewmats agree entry by entry.
        # At degree 0 no colour depends on where the camera is.
        seen_from = viewmats if options.sh_degree > 0 else viewmats.detach()
        centers = torch.linalg.inv(seen_from)[:, :3, 3]
        features = Harmonics.apply(means, colors, centers, radii, options.sh_degree)
    else:
        features = colors.expand(C, N, colors.shape[-1]) if colors.dim() == 2 else colors
    if options.render_mode in ("RGB+D", "RGB+ED"):
        features = torch.cat((features, depths[..., None]), dim=-1)
    placed = Placed(depths, extents, radii, width, height)
    render_colors, render_alphas = Blend.apply(means2d, conics, features, opacities, placed, info)
    backgrounds = options.backgrounds
    if backgrounds is not None:
        if options.depth_only:
            backgrounds = torch.zeros_like(render_colors[:, 0, 0])
        elif options.render_mode in ("RGB+D", "RGB+ED"):
            backgrounds = torch.cat((backgrounds, torch.zeros_like(backgrounds[:, :1])), dim=-1)
        render_colors = render_colors + (1 - render_alphas) * backgrounds[:, None, None]
    if options.render_mode in ("ED", "RGB+ED"):
        expected = render_colors[..., -1:] / render_alphas.clamp(min=1e-10)
        render_colors = torch.cat((render_colors[..., :-1], expected), dim=-1)
    return render_colors, render_alphas, info
