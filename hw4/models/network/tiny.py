"""Sizes that all small networks share, made for a laptop's CPU."""

import torch
from torch import nn

TINY_WIDTH = 64
TINY_HEIGHT = 48
TINY_PATCH = 8
DIM = 128


def count_parameters(model: nn.Module) -> int:
    """Number of learnt values."""
    return sum(p.numel() for p in model.parameters() if isinstance(p, torch.Tensor))
