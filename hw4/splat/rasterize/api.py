"""One function for every rasterizer, with gsplat's argument names and conventions."""

from typing import Any

import torch
from torch import Tensor

from hw4.core.errors import UserError
from hw4.splat.rasterize.cpu import rasterize_cpu
from hw4.splat.rasterize.cuda import load_gsplat, rasterize_gsplat
from hw4.splat.rasterize.harmonics import MAX_DEGREE

RENDER_MODES = ("RGB", "D", "ED", "RGB+D", "RGB+ED")
RASTERIZERS = ("auto", "gsplat", "cpu")


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
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
    rasterizer: str = "auto",
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Render N Gaussians into C cameras; differentiable in everything but `Ks`.

    The conventions are those of `gsplat.rasterization` 1.5.3 (``packed=False``): OpenCV camera axes, pixel
    centres at +0.5, contributions with alpha < 1/255 skipped, alpha clamped to 0.999, a pixel finished before
    its transmittance falls to 1e-4. On the CPU the dtype of `means` is the precision (float32 or float64).

    Args:
        means: (N, 3) centres in the world.
        quats: (N, 4) rotations, wxyz, not necessarily of unit length.
        scales: (N, 3) standard deviations along the axes, world units.
        opacities: (N,) in [0, 1].
        colors: (N, K, 3) SH coefficients where `sh_degree` is given, else (N, D) or (C, N, D) values.
        viewmats: (C, 4, 4) world-to-camera.
        Ks: (C, 3, 3) intrinsics in pixels.
        width: image width in pixels.
        height: image height in pixels.
        near_plane: Gaussians nearer than this are not drawn; more than 0.
        far_plane: nor those beyond this.
        radius_clip: nor those with a 2D radius of at most this, in pixels.
        eps2d: added to the diagonal of 2D covariances, in square pixels.
        sh_degree: SH degree to use, up to 3; null: `colors` are values.
        backgrounds: (C, D) colours behind everything, or null for black.
        render_mode: ``RGB``, ``D`` (accumulated depth), ``ED`` (expected depth), ``RGB+D``, ``RGB+ED``.
        rasterize_mode: ``classic``, or ``antialiased`` (Mip-Splatting's opacity compensation).
        rasterizer: ``gsplat`` (CUDA), ``cpu``, or ``auto`` (by the device of `means`).

    Returns:
        ``(render_colors (C, H, W, X), render_alphas (C, H, W, 1), info)``. ``info`` has what gsplat's
        strategies read: ``means2d`` (C, N, 2; keeps its gradient after ``retain_grad()``), ``radii``
        (C, N, 2), ``depths``, ``conics``, ``opacities``, ``width``, ``height``, ``n_cameras``...

    Raises:
        UserError: the rasterizer cannot run here.
        ValueError: shapes, dtypes or modes do not fit.
    """
    N, C = len(means), len(viewmats)
    shapes = {
        "means": (means, (N, 3)),
        "quats": (quats, (N, 4)),
        "scales": (scales, (N, 3)),
        "opacities": (opacities, (N,)),
        "viewmats": (viewmats, (C, 4, 4)),
        "Ks": (Ks, (C, 3, 3)),
    }
    for name, (tensor, shape) in shapes.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"rasterize: {name} must be {shape}, not {tuple(tensor.shape)}")
        if tensor.dtype != means.dtype:
            raise ValueError(f"rasterize: {name} is {tensor.dtype} but means is {means.dtype}")
    if means.dtype not in (torch.float32, torch.float64) or colors.dtype != means.dtype:
        raise ValueError(
            f"rasterize: float32 or float64 throughout, not {means.dtype} with {colors.dtype} colors"
        )
    if sh_degree is None:
        fits = tuple(colors.shape[:-1]) in ((N,), (C, N))
    else:
        fits = colors.dim() == 3 and len(colors) == N and colors.shape[2] == 3
        fits = fits and 0 <= sh_degree <= MAX_DEGREE and (sh_degree + 1) ** 2 <= colors.shape[1]
    if not fits:
        raise ValueError(
            f"rasterize: colors {tuple(colors.shape)} do not fit N={N}, C={C}, sh_degree={sh_degree}"
        )
    if render_mode not in RENDER_MODES or rasterize_mode not in ("classic", "antialiased"):
        raise ValueError(
            f"rasterize: unknown render_mode={render_mode!r} or rasterize_mode={rasterize_mode!r}"
        )
    if width < 1 or height < 1 or near_plane <= 0:
        raise ValueError(f"rasterize: impossible width={width}, height={height} or near_plane={near_plane}")
    options: dict[str, Any] = {
        "near_plane": near_plane,
        "far_plane": far_plane,
        "radius_clip": radius_clip,
        "eps2d": eps2d,
        "sh_degree": sh_degree,
        "backgrounds": backgrounds,
        "render_mode": render_mode,
        "rasterize_mode": rasterize_mode,
    }
    chosen = resolve_rasterizer(rasterizer, means.device)
    render = rasterize_gsplat if chosen == "gsplat" else rasterize_cpu
    return render(means, quats, scales, opacities, colors, viewmats, Ks, width, height, **options)
