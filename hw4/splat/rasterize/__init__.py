"""Rasterization of 3D Gaussians: gsplat on CUDA, numba kernels on the CPU, behind one function."""

from hw4.splat.rasterize.api import RASTERIZERS, device_for, rasterize, resolve_rasterizer
from hw4.splat.rasterize.arguments import RENDER_MODES, RasterOptions, Splats, Views

__all__ = [
    "RASTERIZERS",
    "RENDER_MODES",
    "RasterOptions",
    "Splats",
    "Views",
    "device_for",
    "rasterize",
    "resolve_rasterizer",
]
