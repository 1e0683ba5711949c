"""Networks whose files say how they are constructed: read as text, never evaluated."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hw4.config.model import NetworkConfig
from hw4.core.errors import UserError
from hw4.models.network.checkpoint_files import first_line, read_checkpoint
from hw4.models.network.devices import seeded
from hw4.models.network.load import LoadedNetwork, announced, channels, fill
from hw4.models.network.tiny import DIM
from hw4.models.network.upstream import quiet
from hw4.models.network.weights import KnownWeights, find_weights


@dataclass(frozen=True)
class Family:
    """What is particular to the networks of one upstream class.

    Attributes:
        title: proper name, for sentences.
        constructor: name of the class, as files have it.
        upstream: imports that class.
        mark: a weight that each of these networks has.
        official: arguments of the published network, for weights that come without any.
        loaded_with: arguments that upstream's loading sets, whatever the file says.
        known: its weights that have names.
        build_tiny: the small network, freshly initialised.
        tiny_size, tiny_patch: long edge and patch that it is made for, in pixels.
    """

    title: str
    constructor: str
    upstream: Callable[[], Any]
    mark: str
    official: Mapping[str, Any]
    loaded_with: Mapping[str, Any]
    known: KnownWeights
    build_tiny: Callable[[], nn.Module]
    tiny_size: int
    tiny_patch: int


def load_described(config: NetworkConfig, family: Family) -> LoadedNetwork:
    """A network with the configured weights; its sizes are those that the weights say they have.

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = announced(find_weights(config, family.known))
    path = source.path
    if path is None:
        with seeded(config.seed):
            network = family.build_tiny()
        return LoadedNetwork(network.eval(), family.tiny_size, family.tiny_patch, source)
    weights, described = read_checkpoint(path, family.title, family.mark)
    arguments = parse_constructor(described, path, family) if isinstance(described, str) else described
    if source.license is None and is_official(weights, family):
        source = announced(replace(source, license=family.known.license))
    sizes = ""
    if arguments is None and channels(weights, "patch_embed.proj.weight", 0) == DIM:
        network = family.build_tiny()
        size, patch_size = family.tiny_size, family.tiny_patch
    else:
        if arguments is None:
            sizes = "of the published sizes, for neither the file nor a config.json beside it says others"
        elif not isinstance(described, str):
            sizes = "of the sizes in the config.json beside it"
        arguments = {**(arguments or family.official), **family.loaded_with}
        network, size, patch_size = _constructed(family, arguments, path)
    fill(network, weights, source, sizes)
    return LoadedNetwork(network.eval(), size, patch_size, source)


def _constructed(family: Family, arguments: dict[str, Any], path: Path) -> tuple[nn.Module, int, int]:
    """The network of these arguments, its long edge and its patch."""
    try:
        with quiet():
            network = family.upstream()(**arguments)
    except (TypeError, NotImplementedError, AssertionError, ValueError, KeyError) as error:
        raise UserError(f"weights {path} describe no {family.title} network ({error}).") from error
    image_size = arguments.get("img_size", 224)
    size = max(image_size) if isinstance(image_size, tuple) else int(image_size)
    return network, size, int(arguments.get("patch_size", 16))


def is_official(weights: Mapping[str, torch.Tensor], family: Family) -> bool:
    """Whether weights have the sizes of the published network: a copy under any name has its licence."""
    width, depth = family.official["enc_embed_dim"], family.official["enc_depth"]
    deepest = f"enc_blocks.{depth - 1}.norm1.weight"
    return channels(weights, "patch_embed.proj.weight", 0) == width and deepest in weights


def parse_constructor(call: str, path: Path, family: Family) -> dict[str, Any]:
    """Keyword arguments of a constructor call, all literals or (minus) ``inf``.

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
        if tree.func.id != family.constructor:
            raise ValueError(f"it is a {tree.func.id}")
        if any(keyword.arg is None for keyword in tree.keywords):
            raise ValueError("it has ** arguments")
        return {str(k.arg): ast.literal_eval(_Infinity().visit(k.value)) for k in tree.keywords}
    except (ValueError, SyntaxError, TypeError, RecursionError) as error:
        raise UserError(
            f"weights {path} describe their network as {call[:200]!r}, which is not a plain "
            f"{family.constructor}(...) ({first_line(error)}); only {family.title} files can be loaded."
        ) from error
