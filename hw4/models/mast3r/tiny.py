"""A small configuration of upstream's MASt3R."""

from torch import nn

from hw4.models.mast3r.upstream import import_model
from hw4.models.network.tiny import DIM, TINY_HEIGHT, TINY_PATCH, TINY_WIDTH
from hw4.models.network.upstream import quiet


def build_tiny() -> nn.Module:
    """`AsymmetricMASt3R` with 4 encoder and 4 decoder blocks of 128 channels.

    Its heads are upstream's small ones: the official kind has 50 million parameters at any width.
    """
    infinity = float("inf")
    with quiet():
        network: nn.Module = import_model().AsymmetricMASt3R(
            pos_embed="RoPE100",
            img_size=(TINY_HEIGHT, TINY_WIDTH),
            patch_size=TINY_PATCH,
            enc_embed_dim=DIM,
            enc_depth=4,
            enc_num_heads=4,
            dec_embed_dim=DIM,
            dec_depth=4,
            dec_num_heads=4,
            head_type="catconv",
            output_mode="pts3d+desc24",
            depth_mode=("exp", -infinity, infinity),
            conf_mode=("exp", 1, infinity),
            two_confs=True,
            desc_conf_mode=("exp", 0, infinity),
            landscape_only=False,
        )
    return network
