"""A small configuration of upstream's Depth Anything 3."""

from typing import Any

from torch import nn

from hw4.models.da3.upstream import import_network
from hw4.models.network.tiny import DIM
from hw4.models.network.upstream import quiet

# Upstream's patches have one size.
PATCH = 14
SIZE = 8 * PATCH
DEPTH = 6


def build_tiny() -> nn.Module:
    """Upstream's `DepthAnything3Net` with 6 blocks of 128 channels, and its heads at small sizes.

    `DinoV2.__init__` knows four sizes only, so its transformer is made here; every forward pass is
    upstream's. The camera head starts at a field of view of one radian: a fresh one may say none.
    """
    parts = import_network()

    class TinyBackbone(parts.Backbone):  # type: ignore[name-defined]
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.out_layers = [2, 3, 4, 5]
            self.pretrained = parts.VisionTransformer(
                img_size=SIZE,
                patch_size=PATCH,
                embed_dim=DIM,
                depth=DEPTH,
                num_heads=4,
                alt_start=2,
                qknorm_start=2,
                rope_start=2,
                cat_token=True,
            )

    with quiet():
        decoder = parts.CameraDecoder(dim_in=2 * DIM)
        nn.init.constant_(decoder.fc_fov[0].bias, 1.0)
        network: Any = parts.Net(
            net=TinyBackbone(),
            head=parts.Head(dim_in=2 * DIM, output_dim=2, features=32, out_channels=[32, 32, 64, 64]),
            cam_dec=decoder,
            cam_enc=parts.CameraEncoder(dim_out=DIM, trunk_depth=1, num_heads=4),
        )
    return network
