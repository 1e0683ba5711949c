"""Procedural indoor scenes rendered by ray casting, written in the layouts of real data."""
