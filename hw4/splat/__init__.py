"""Sparse-view Gaussian splatting."""
