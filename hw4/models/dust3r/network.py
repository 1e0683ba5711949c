"""Upstream's DUSt3R with weights in it."""

from typing import Any

from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.tiny import build_tiny
from hw4.models.dust3r.upstream import import_model
from hw4.models.dust3r.weights import WEIGHTS
from hw4.models.network.described import Family, load_described
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.tiny import TINY_PATCH, TINY_WIDTH

# The constructor call in the official ViT-L 512 dpt file, for weights that come without one.
OFFICIAL: dict[str, Any] = {
    "pos_embed": "RoPE100",
    "img_size": (512, 512),
    "head_type": "dpt",
    "output_mode": "pts3d",
    "depth_mode": ("exp", float("-inf"), float("inf")),
    "conf_mode": ("exp", 1, float("inf")),
    "enc_embed_dim": 1024,
    "enc_depth": 24,
    "enc_num_heads": 16,
    "dec_embed_dim": 768,
    "dec_depth": 12,
    "dec_num_heads": 12,
}
# As upstream's `load_model`: photos come upright, in batches of one orientation.
LOADED_WITH = {"landscape_only": False, "patch_embed_cls": "PatchEmbedDust3R"}
FAMILY = Family(
    title="DUSt3R",
    constructor="AsymmetricCroCo3DStereo",
    upstream=lambda: import_model().AsymmetricCroCo3DStereo,
    mark="decoder_embed.weight",
    official=OFFICIAL,
    loaded_with=LOADED_WITH,
    known=WEIGHTS,
    build_tiny=build_tiny,
    tiny_size=TINY_WIDTH,
    tiny_patch=TINY_PATCH,
)


def load_network(config: Dust3rConfig) -> LoadedNetwork:
    """See `load_described`."""
    return load_described(config, FAMILY)
