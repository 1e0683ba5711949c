"""Frames between two photos, made here: baselines on the CPU and video models on a GPU."""
