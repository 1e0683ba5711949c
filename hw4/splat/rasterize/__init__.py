"""Rasterization of 3D Gaussians: gsplat on CUDA, numba on CPU, behind one function."""
