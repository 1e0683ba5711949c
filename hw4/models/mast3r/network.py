"""Upstream's MASt3R with weights in it."""

from typing import Any

from hw4.models.dust3r.network import LOADED_WITH
from hw4.models.dust3r.network import OFFICIAL as OFFICIAL_DUST3R
from hw4.models.mast3r.config import Mast3rConfig
from hw4.models.mast3r.tiny import build_tiny
from hw4.models.mast3r.upstream import import_model
from hw4.models.mast3r.weights import WEIGHTS
from hw4.models.network.described import Family, load_described
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.tiny import TINY_PATCH, TINY_WIDTH

# The constructor call of the official file: upstream's command of its training.
OFFICIAL: dict[str, Any] = OFFICIAL_DUST3R | {
    "head_type": "catmlp+dpt",
    "output_mode": "pts3d+desc24",
    "two_confs": True,
    "desc_conf_mode": ("exp", 0, float("inf")),
}
FAMILY = Family(
    title="MASt3R",
    constructor="AsymmetricMASt3R",
    upstream=lambda: import_model().AsymmetricMASt3R,
    mark="downstream_head1.head_local_features.fc1.weight",
    official=OFFICIAL,
    loaded_with=LOADED_WITH,
    known=WEIGHTS,
    build_tiny=build_tiny,
    tiny_size=TINY_WIDTH,
    tiny_patch=TINY_PATCH,
)


def load_network(config: Mast3rConfig) -> LoadedNetwork:
    """See `load_described`."""
    return load_described(config, FAMILY)
