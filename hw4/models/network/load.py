"""Upstream's networks with weights in them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from hw4.config.model import NetworkConfig
from hw4.core.errors import UserError
from hw4.models.network.checkpoint_files import read_checkpoint
from hw4.models.network.devices import seeded
from hw4.models.network.tiny import DIM, TINY_PATCH, TINY_WIDTH, build_tiny_dust3r, build_tiny_vggt
from hw4.models.network.upstream import import_dust3r_model, import_vggt_parts, quiet
from hw4.models.network.weights import LICENSES, WeightsSource, find_weights

log = logging.getLogger(__name__)

# The constructor call in the official ViT-L 512 dpt file, for weights that come without one.
OFFICIAL_DUST3R: dict[str, Any] = {
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


@dataclass
class LoadedNetwork:
    """A network in evaluation mode, on the CPU.

    Attributes:
        network: upstream's module.
        image_size: long edge (DUSt3R) or width (VGGT) in pixels that it was made for.
        patch_size: side of a patch in pixels.
        source: where its weights are from.
    """

    network: nn.Module
    image_size: int
    patch_size: int
    source: WeightsSource


def load_dust3r_network(config: NetworkConfig) -> LoadedNetwork:
    """DUSt3R with the configured weights; its sizes are those that the weights say they have.

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = _announced(find_weights(config))
    if source.path is None:
        with seeded(config.seed):
            network = build_tiny_dust3r()
        return LoadedNetwork(network.eval(), TINY_WIDTH, TINY_PATCH, source)
    weights, arguments = read_checkpoint(source.path)
    if source.license is None and is_official_dust3r(weights):
        source = _announced(replace(source, license=LICENSES["dust3r"]))
    if arguments is None and _channels(weights, "patch_embed.proj.weight", 0) == DIM:
        network = build_tiny_dust3r()
        size, patch_size = TINY_WIDTH, TINY_PATCH
    else:
        arguments = {**(arguments or OFFICIAL_DUST3R)}
        # As upstream's `load_model`: photos come upright, in batches of one orientation.
        arguments |= {"landscape_only": False, "patch_embed_cls": "PatchEmbedDust3R"}
        try:
            with quiet():
                network = import_dust3r_model().AsymmetricCroCo3DStereo(**arguments)
        except (TypeError, NotImplementedError, AssertionError, ValueError, KeyError) as error:
            raise UserError(f"weights {source.path} describe no DUSt3R network ({error}).") from error
        image_size = arguments.get("img_size", 224)
        size = max(image_size) if isinstance(image_size, tuple) else int(image_size)
        patch_size = int(arguments.get("patch_size", 16))
    _fill(network, weights, source)
    return LoadedNetwork(network.eval(), size, patch_size, source)


def is_official_dust3r(weights: Mapping[str, torch.Tensor]) -> bool:
    """Whether weights have the sizes of the published network: a copy under any name has its licence."""
    width, depth = OFFICIAL_DUST3R["enc_embed_dim"], OFFICIAL_DUST3R["enc_depth"]
    deepest = f"enc_blocks.{depth - 1}.norm1.weight"
    return _channels(weights, "patch_embed.proj.weight", 0) == width and deepest in weights


def load_vggt_network(config: NetworkConfig) -> LoadedNetwork:
    """VGGT (without its tracking head) with the configured weights.

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = _announced(find_weights(config))
    if source.path is None:
        with seeded(config.seed):
            network = build_tiny_vggt()
        return LoadedNetwork(network.eval(), TINY_WIDTH, TINY_PATCH, source)
    weights, _ = read_checkpoint(source.path)
    if _channels(weights, "aggregator.camera_token", -1) == DIM:
        network, size, patch_size = build_tiny_vggt(), TINY_WIDTH, TINY_PATCH
    else:
        with quiet():
            network, size, patch_size = import_vggt_parts().VGGT(enable_track=False), 518, 14
    _fill(network, {k: v for k, v in weights.items() if not k.startswith("track_head.")}, source)
    return LoadedNetwork(network.eval(), size, patch_size, source)


def _announced(source: WeightsSource) -> WeightsSource:
    if source.license is not None:
        log.warning("%s.", source.license)
    return source


def _channels(weights: Mapping[str, torch.Tensor], name: str, axis: int) -> int | None:
    return weights[name].shape[axis] if name in weights and weights[name].ndim else None


def _fill(network: nn.Module, weights: Mapping[str, torch.Tensor], source: WeightsSource) -> None:
    """Load weights; every value of the network and of the file must find its counterpart.

    A value that the network knows under several names need stand in the file under one: safetensors keeps no
    duplicates, and some networks have them.
    """
    try:
        result = network.load_state_dict(dict(weights), strict=False)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        detail = lines[1].strip() if len(lines) > 1 else lines[0]
        raise UserError(f"weights {source.path} do not fit the network: {detail}") from error
    known_as: dict[tuple[int, torch.Size], set[str]] = {}
    for name, tensor in network.state_dict().items():
        known_as.setdefault((tensor.data_ptr(), tensor.shape), set()).add(name)
    names_of = {name: names for names in known_as.values() for name in names}
    missing = [name for name in result.missing_keys if not names_of[name] & weights.keys()]
    problems = []
    for names, what in ((missing, "missing"), (result.unexpected_keys, "unexpected")):
        if names:
            problems.append(f"{len(names)} {what} (such as {', '.join(sorted(names)[:2])})")
    if problems:
        raise UserError(
            f"weights {source.path} do not fit the network: {' and '.join(problems)}; "
            "they belong to another model or version, or their config.json is not beside them."
        )
