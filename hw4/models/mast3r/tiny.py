"""A small configuration of upstream's MASt3R."""

from typing import Any

from torch import nn

from hw4.models.dust3r.tiny import TINY as TINY_DUST3R
from hw4.models.mast3r.upstream import import_model
from hw4.models.network.upstream import quiet

# Its heads are upstream's small ones: the official kind has 50 million parameters at any width.
TINY: dict[str, Any] = TINY_DUST3R | {
    "head_type": "catconv",
    "output_mode": "pts3d+desc24",
    "two_confs": True,
    "desc_conf_mode": ("exp", 0, float("inf")),
}


def build_tiny() -> nn.Module:
    """`AsymmetricMASt3R`, freshly initialised."""
    with quiet():
        network: nn.Module = import_model().AsymmetricMASt3R(**TINY)
    return network
