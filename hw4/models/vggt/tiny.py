"""A small configuration of upstream's VGGT."""

from typing import Any

from torch import nn

from hw4.models.network.tiny import DIM, TINY_PATCH, TINY_WIDTH
from hw4.models.vggt.upstream import import_parts


def build_tiny() -> nn.Module:
    """Upstream's `VGGT` with its aggregator and heads at small sizes: 4 alternating blocks of 128 channels.

    `VGGT.__init__` takes no depth, so its parts are replaced by upstream's own classes; the forward pass is
    upstream's. Layer scales start at 1: upstream's 0.01 is meant for very deep networks.
    """
    parts = import_parts()
    depth = 4
    heads: dict[str, Any] = {
        "dim_in": 2 * DIM,
        "patch_size": TINY_PATCH,
        "features": 32,
        "out_channels": [32, 32, 64, 64],
        "intermediate_layer_idx": list(range(depth)),
    }

    class TinyVGGT(parts.VGGT):  # type: ignore[name-defined]
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
