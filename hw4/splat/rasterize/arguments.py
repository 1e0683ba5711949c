"""What is rendered, from where and how: the arguments of `gsplat.rasterization` in three parts."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hw4.splat.rasterize.harmonics import MAX_DEGREE

RENDER_MODES = ("RGB", "D", "ED", "RGB+D", "RGB+ED")


@dataclass(frozen=True, eq=False)
class Splats:
    """N Gaussians, after their activations.

    Attributes:
        means: (N, 3) centres in the world.
        quats: (N, 4) rotations, wxyz, not necessarily of unit length.
        scales: (N, 3) standard deviations along the axes, world units.
        opacities: (N,) in [0, 1].
        colors: (N, K, 3) SH coefficients where `RasterOptions.sh_degree` is given, else (N, D) or (C, N, D)
            values.
    """

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor


@dataclass(frozen=True, eq=False)
class Views:
    """C cameras.

    Attributes:
        viewmats: (C, 4, 4) world-to-camera.
        Ks: (C, 3, 3) intrinsics in pixels.
        width: image width in pixels.
        height: image height in pixels.
    """

    viewmats: Tensor
    Ks: Tensor
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class RasterOptions:
    """How Gaussians are rendered.

    Attributes:
        near_plane: Gaussians nearer than this are not drawn; more than 0.
        far_plane: nor those beyond this.
        radius_clip: nor those with a 2D radius of at most this, in pixels.
        eps2d: added to the diagonal of 2D covariances, in square pixels.
        sh_degree: SH degree to use, up to 3; None: the colours are values.
        backgrounds: (C, D) colours behind everything, or None for black.
        render_mode: ``RGB``, ``D`` (accumulated depth), ``ED`` (expected depth), ``RGB+D``, ``RGB+ED``.
        rasterize_mode: ``classic``, or ``antialiased`` (Mip-Splatting's opacity compensation).
    """

    near_plane: float = 0.01
    far_plane: float = 1e10
    radius_clip: float = 0.0
    eps2d: float = 0.3
    sh_degree: int | None = None
    backgrounds: Tensor | None = None
    render_mode: str = "RGB"
    rasterize_mode: str = "classic"

    @property
    def depth_only(self) -> bool:
        """Whether the picture holds no colours."""
        return self.render_mode in ("D", "ED")


def check_arguments(splats: Splats, views: Views, options: RasterOptions) -> None:
    """Complain about arguments that do not fit each other.

    Raises:
        ValueError: shapes, dtypes or modes do not fit.
    """
    N, C, means, colors = len(splats.means), len(views.viewmats), splats.means, splats.colors
    shapes = {
        "means": (means, (N, 3)),
        "quats": (splats.quats, (N, 4)),
        "scales": (splats.scales, (N, 3)),
        "opacities": (splats.opacities, (N,)),
        "viewmats": (views.viewmats, (C, 4, 4)),
        "Ks": (views.Ks, (C, 3, 3)),
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
    degree = options.sh_degree
    if degree is None:
        fits = tuple(colors.shape[:-1]) in ((N,), (C, N))
    else:
        fits = colors.dim() == 3 and len(colors) == N and colors.shape[2] == 3
        fits = fits and 0 <= degree <= MAX_DEGREE and (degree + 1) ** 2 <= colors.shape[1]
    if not fits:
        raise ValueError(
            f"rasterize: colors {tuple(colors.shape)} do not fit N={N}, C={C}, sh_degree={degree}"
        )
    if options.render_mode not in RENDER_MODES or options.rasterize_mode not in ("classic", "antialiased"):
        raise ValueError(
            f"rasterize: unknown render_mode={options.render_mode!r} or "
            f"rasterize_mode={options.rasterize_mode!r}"
        )
    if views.width < 1 or views.height < 1 or options.near_plane <= 0:
        raise ValueError(
            f"rasterize: impossible width={views.width}, height={views.height} or "
            f"near_plane={options.near_plane}"
        )
