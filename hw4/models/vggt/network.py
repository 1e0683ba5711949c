"""Upstream's VGGT with weights in it."""

from typing import Any

from hw4.core.errors import UserError
from hw4.models.network.checkpoint_files import read_checkpoint
from hw4.models.network.devices import seeded
from hw4.models.network.load import LoadedNetwork, announced, channels, fill
from hw4.models.network.tiny import DIM, TINY_PATCH, TINY_WIDTH
from hw4.models.network.upstream import quiet
from hw4.models.network.weights import find_weights
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.tiny import build_tiny
from hw4.models.vggt.upstream import import_parts
from hw4.models.vggt.weights import WEIGHTS


def load_network(config: VggtConfig) -> LoadedNetwork:
    """VGGT (without its tracking head) with the configured weights.

    Its own training leaves the point head out: `pts3d_from=depth`, which uses none, needs none in the file.

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = announced(find_weights(config, WEIGHTS))
    network: Any
    if source.path is None:
        with seeded(config.seed):
            network = build_tiny()
        return LoadedNetwork(network.eval(), TINY_WIDTH, TINY_PATCH, source)
    weights, _ = read_checkpoint(source.path, "VGGT", "aggregator.camera_token")
    if channels(weights, "aggregator.camera_token", -1) == DIM:
        network, size, patch_size = build_tiny(), TINY_WIDTH, TINY_PATCH
    else:
        with quiet():
            network, size, patch_size = import_parts().VGGT(enable_track=False), 518, 14
    if not any(name.startswith("point_head.") for name in weights):
        if config.pts3d_from == "point_head":
            raise UserError(
                f"weights {source.path} have no point head, as after VGGT's own training; use "
                "model.pts3d_from=depth."
            )
        network.point_head = None
    fill(network, {k: v for k, v in weights.items() if not k.startswith("track_head.")}, source)
    return LoadedNetwork(network.eval(), size, patch_size, source)
