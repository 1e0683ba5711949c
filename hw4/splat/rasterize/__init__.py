"""Rasterization of 3D Gaussians: gsplat on CUDA, numba kernels on the CPU, behind one function."""

from hw4.splat.rasterize.api import RASTERIZERS, RENDER_MODES, device_for, rasterize, resolve_rasterizer

__all__ = ["RASTERIZERS", "RENDER_MODES", "device_for", "rasterize", "resolve_rasterizer"]
