"""A small configuration of upstream's DUSt3R."""

from typing import Any

from torch import nn

from hw4.models.dust3r.upstream import import_model
from hw4.models.network.tiny import DIM, TINY_HEIGHT, TINY_PATCH, TINY_WIDTH

# The constructor call: 4 encoder and 4 decoder blocks of 128 channels, linear head.
TINY: dict[str, Any] = {
    "pos_embed": "RoPE100",
    "img_size": (TINY_HEIGHT, TINY_WIDTH),
    "patch_size": TINY_PATCH,
    "enc_embed_dim": DIM,
    "enc_depth": 4,
    "enc_num_heads": 4,
    "dec_embed_dim": DIM,
    "dec_depth": 4,
    "dec_num_heads": 4,
    "head_type": "linear",
    "output_mode": "pts3d",
    "depth_mode": ("exp", float("-inf"), float("inf")),
    "conf_mode": ("exp", 1, float("inf")),
    "landscape_only": False,
}


def build_tiny() -> nn.Module:
    """`AsymmetricCroCo3DStereo`, freshly initialised."""
    network: nn.Module = import_model().AsymmetricCroCo3DStereo(**TINY)
    return network
