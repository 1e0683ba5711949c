"""A small configuration of upstream's DUSt3R."""

from torch import nn

from hw4.models.dust3r.upstream import import_model
from hw4.models.network.tiny import DIM, TINY_HEIGHT, TINY_PATCH, TINY_WIDTH


def build_tiny() -> nn.Module:
    """`AsymmetricCroCo3DStereo` with 4 encoder and 4 decoder blocks of 128 channels, linear head."""
    dust3r_model = import_model()
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
