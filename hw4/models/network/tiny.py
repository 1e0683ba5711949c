"""Small configurations of upstream's DUSt3R and VGGT, for a laptop's CPU."""

from typing import Any

import torch
from torch import nn

from hw4.models.network.upstream import import_dust3r_model, import_vggt_parts

TINY_WIDTH = 64
TINY_HEIGHT = 48
TINY_PATCH = 8
DIM = 128


def build_tiny_dust3r() -> nn.Module:
    """`AsymmetricCroCo3DStereo` with 4 encoder and 4 decoder blocks of 128 channels, linear head."""
    dust3r_model = import_dust3r_model()
    infinity = float("inf")
    return dust3r_model.AsymmetricCroCo3DStereo(
        pos_embed="RoPE100",
        img_size=(TINY_HEIGHT, TINY_WIDTH),
        patch_size=TINY_PATCH,
        enc_embed_dim=DIM,
        enc_depth=4,
        enc_num_heads=4,
        dec_embed_dim=DIM,
        dec_depth=4,
        dec_num_heads=4,
        head_type="linear",
        output_mode="pts3d",
        depth_mode=("exp", -infinity, infinity),
        conf_mode=("exp", 1, infinity),
        landscape_only=False,
    )


def build_tiny_vggt() -> nn.Module:
    """Upstream's `VGGT` with its aggregator and heads at small sizes: 4 alternating blocks of 128 channels.

    `VGGT.__init__` takes no depth, so its parts are replaced by upstream's own classes; the forward pass is
    upstream's. Layer scales start at 1: upstream's 0.01 is meant for very deep networks.
    """
    parts = import_vggt_parts()
    depth = 4
    heads: dict[str, Any] = {
        "dim_in": 2 * DIM,
        "patch_size": TINY_PATCH,
        "features": 32,
        "out_channels": [32, 32, 64, 64],
        "intermediate_layer_idx": list(range(depth)),
    }

    class TinyVGGT(parts.VGGT):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.aggregator = parts.Aggregator(
                img_size=TINY_WIDTH,
                patch_size=TINY_PATCH,
                embed_dim=DIM,
                depth=depth,
                num_heads=4,
                patch_embed="conv",
                init_values=1.0,
                cached_layer_indices=tuple(range(depth)),
            )
            self.camera_head = parts.CameraHead(dim_in=2 * DIM, trunk_depth=2, num_heads=8, init_values=1.0)
            self.point_head = parts.DPTHead(
                output_dim=4, activation="inv_log", conf_activation="expp1", **heads
            )
            self.depth_head = parts.DPTHead(output_dim=2, activation="exp", conf_activation="expp1", **heads)
            self.track_head = None

    return TinyVGGT()


def count_parameters(model: nn.Module) -> int:
    """Number of learnt values."""
    return sum(p.numel() for p in model.parameters() if isinstance(p, torch.Tensor))
