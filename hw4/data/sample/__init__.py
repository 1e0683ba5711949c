"""Procedural indoor scenes rendered by ray casting, written in the layouts of real data."""

from hw4.data.sample.ensure import ensure_sample

__all__ = ["ensure_sample"]
