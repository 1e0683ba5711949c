"""One function for every rasterizer, with gsplat's argument names and conventions."""

from typing import Any

import torch
from torch import Tensor

from hw4.core.errors import UserError
from hw4.splat.rasterize.arguments import RasterOptions, Splats, Views, check_arguments
from hw4.splat.rasterize.cpu import rasterize_cpu
from hw4.splat.rasterize.cuda import load_gsplat, rasterize_gsplat

RASTERIZERS = ("auto", "gsplat", "cpu")
DEFAULTS = RasterOptions()


def resolve_rasterizer(rasterizer: str, device: torch.device | None = None) -> str:
    """Turn ``auto`` into ``gsplat`` (tensors on CUDA, or a CUDA device and no tensors yet) or ``cpu``.

    Raises:
        UserError: the name is not one of `RASTERIZERS`.
    """
    if rasterizer not in RASTERIZERS:
        raise UserError(
            f"splat.rasterizer={rasterizer!r} is not a choice; choose one of: {', '.join(RASTERIZERS)}."
        )
    if rasterizer != "auto":
        return rasterizer
    on_cuda = torch.cuda.is_available() if device is None else device.type == "cuda"
    return "gsplat" if on_cuda else "cpu"


def device_for(rasterizer: str) -> torch.device:
    """The device that a rasterizer needs its tensors on; gsplat is loaded, and so known to work.

    Raises:
        UserError: the rasterizer cannot run here, or is not one of `RASTERIZERS`.
    """
    if resolve_rasterizer(rasterizer) == "cpu":
        return torch.device("cpu")
    load_gsplat()
    return torch.device("cuda")


def rasterize(
    splats: Splats, views: Views, options: RasterOptions = DEFAULTS, rasterizer: str = "auto"
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Render N Gaussians into C cameras; differentiable in everything but the intrinsics.

    The conventions are those of `gsplat.rasterization` 1.5.3 (``packed=False``): OpenCV camera axes, pixel
    centres at +0.5, contributions with alpha < 1/255 skipped, alpha clamped to 0.999, a pixel finished before
    its transmittance falls to 1e-4. On the CPU the dtype of the Gaussians' centres is the precision (float32
    or float64).

    Args:
        splats: what is rendered.
        views: into which cameras.
        options: planes, colours and modes.
        rasterizer: ``gsplat`` (CUDA), ``cpu``, or ``auto`` (by the device of the centres).

    Returns:
        ``(render_colors (C, H, W, X), render_alphas (C, H, W, 1), info)``. ``info`` has what gsplat's
        strategies read: ``means2d`` (C, N, 2; keeps its gradient after ``retain_grad()``), ``radii``
        (C, N, 2), ``depths``, ``conics``, ``opacities``, ``width``, ``height``, ``n_cameras``...

    Raises:
        UserError: the rasterizer cannot run here.
        ValueError: shapes, dtypes or modes do not fit.
    """
    check_arguments(splats, views, options)
    chosen = resolve_rasterizer(rasterizer, splats.means.device)
    render = rasterize_gsplat if chosen == "gsplat" else rasterize_cpu
    return render(splats, views, options)
