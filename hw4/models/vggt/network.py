"""Upstream's VGGT with weights in it."""

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

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = announced(find_weights(config, WEIGHTS))
    if source.path is None:
        with seeded(config.seed):
            network = build_tiny()
        return LoadedNetwork(network.eval(), TINY_WIDTH, TINY_PATCH, source)
    weights, _ = read_checkpoint(source.path)
    if channels(weights, "aggregator.camera_token", -1) == DIM:
        network, size, patch_size = build_tiny(), TINY_WIDTH, TINY_PATCH
    else:
        with quiet():
            network, size, patch_size = import_parts().VGGT(enable_track=False), 518, 14
    fill(network, {k: v for k, v in weights.items() if not k.startswith("track_head.")}, source)
    return LoadedNetwork(network.eval(), size, patch_size, source)
