"""The trainer of 3D Gaussians."""
