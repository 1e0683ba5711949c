"""Depth Anything 3: depth and cameras of any number of views in one pass."""
