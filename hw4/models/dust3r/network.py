"""Upstream's DUSt3R with weights in it."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hw4.core.errors import UserError
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.tiny import build_tiny
from hw4.models.dust3r.upstream import import_model
from hw4.models.dust3r.weights import WEIGHTS
from hw4.models.network.checkpoint_files import first_line, read_checkpoint
from hw4.models.network.devices import seeded
from hw4.models.network.load import LoadedNetwork, announced, channels, fill
from hw4.models.network.tiny import DIM, TINY_PATCH, TINY_WIDTH
from hw4.models.network.upstream import quiet
from hw4.models.network.weights import find_weights

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


def load_network(config: Dust3rConfig) -> LoadedNetwork:
    """DUSt3R with the configured weights; its sizes are those that the weights say they have.

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = announced(find_weights(config, WEIGHTS))
    if source.path is None:
        with seeded(config.seed):
            network = build_tiny()
        return LoadedNetwork(network.eval(), TINY_WIDTH, TINY_PATCH, source)
    weights, described = read_checkpoint(source.path, "DUSt3R", "decoder_embed.weight")
    arguments = parse_constructor(described, source.path) if isinstance(described, str) else described
    if source.license is None and is_official(weights):
        source = announced(replace(source, license=WEIGHTS.license))
    sizes = ""
    if arguments is None and channels(weights, "patch_embed.proj.weight", 0) == DIM:
        network = build_tiny()
        size, patch_size = TINY_WIDTH, TINY_PATCH
    else:
        if arguments is None:
            sizes = "of the published sizes, for neither the file nor a config.json beside it says others"
        elif not isinstance(described, str):
            sizes = "of the sizes in the config.json beside it"
        arguments = {**(arguments or OFFICIAL)}
        # As upstream's `load_model`: photos come upright, in batches of one orientation.
        arguments |= {"landscape_only": False, "patch_embed_cls": "PatchEmbedDust3R"}
        try:
            with quiet():
                network = import_model().AsymmetricCroCo3DStereo(**arguments)
        except (TypeError, NotImplementedError, AssertionError, ValueError, KeyError) as error:
            raise UserError(f"weights {source.path} describe no DUSt3R network ({error}).") from error
        image_size = arguments.get("img_size", 224)
        size = max(image_size) if isinstance(image_size, tuple) else int(image_size)
        patch_size = int(arguments.get("patch_size", 16))
    fill(network, weights, source, sizes)
    return LoadedNetwork(network.eval(), size, patch_size, source)


def is_official(weights: Mapping[str, torch.Tensor]) -> bool:
    """Whether weights have the sizes of the published network: a copy under any name has its licence."""
    width, depth = OFFICIAL["enc_embed_dim"], OFFICIAL["enc_depth"]
    deepest = f"enc_blocks.{depth - 1}.norm1.weight"
    return channels(weights, "patch_embed.proj.weight", 0) == width and deepest in weights


def parse_constructor(call: str, path: Path) -> dict[str, Any]:
    """Keyword arguments of ``AsymmetricCroCo3DStereo(...)``, all literals or (minus) ``inf``.

    Raises:
        UserError: the text is anything else.
    """

    class _Infinity(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.Constant(float("inf")) if node.id == "inf" else node

    try:
        tree = ast.parse(call.strip(), mode="eval").body
        if not isinstance(tree, ast.Call) or tree.args or not isinstance(tree.func, ast.Name):
            raise ValueError("not a call with keyword arguments")
        if tree.func.id != "AsymmetricCroCo3DStereo":
            raise ValueError(f"it is a {tree.func.id}")
        if any(keyword.arg is None for keyword in tree.keywords):
            raise ValueError("it has ** arguments")
        return {str(k.arg): ast.literal_eval(_Infinity().visit(k.value)) for k in tree.keywords}
    except (ValueError, SyntaxError, TypeError, RecursionError) as error:
        raise UserError(
            f"weights {path} describe their network as {call[:200]!r}, which is not a plain "
            f"AsymmetricCroCo3DStereo(...) ({first_line(error)}); only DUSt3R files can be loaded."
        ) from error
