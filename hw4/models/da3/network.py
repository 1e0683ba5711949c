"""Upstream's Depth Anything 3 with weights in it."""

from dataclasses import replace
from typing import Any

from hw4.core.errors import UserError
from hw4.models.da3.config import SIZES, Da3Config
from hw4.models.da3.tiny import PATCH, SIZE, build_tiny
from hw4.models.da3.upstream import import_part
from hw4.models.da3.weights import LICENSE, LIMITED, known_weights
from hw4.models.network.checkpoint_files import read_checkpoint
from hw4.models.network.devices import seeded
from hw4.models.network.load import LoadedNetwork, announced, channels, fill
from hw4.models.network.tiny import DIM
from hw4.models.network.upstream import quiet
from hw4.models.network.weights import find_weights

# A network for any number of views has it; upstream's for single photos have no cameras.
MARK = "cam_dec.fc_t.weight"
WIDTHS = dict(zip((384, 768, 1024, 1536), SIZES, strict=True))
PROCESSED_SIZE = 504


def load_network(config: Da3Config) -> LoadedNetwork:
    """Depth Anything 3 (without its Gaussians) with the configured weights, whose width says its size.

    Raises:
        UserError: missing, refused or unfitting weights, or no upstream package.
    """
    source = announced(find_weights(config, known_weights(config.size)))
    if source.path is None:
        with seeded(config.seed):
            network = build_tiny()
        return LoadedNetwork(network.eval(), SIZE, PATCH, source)
    weights, _ = read_checkpoint(source.path, "Depth Anything 3", MARK)
    width = channels(weights, "backbone.pretrained.cls_token", -1)
    if width == DIM:
        network, image_size = build_tiny(), SIZE
    elif width in WIDTHS:
        network, image_size = _build(WIDTHS[width]), PROCESSED_SIZE
        if source.license is None and WIDTHS[width] in LIMITED:
            source = announced(replace(source, license=LICENSE))
    else:
        raise UserError(
            f"weights {source.path} have {width} channels, as no published Depth Anything 3 has "
            f"({', '.join(map(str, WIDTHS))}); give another file."
        )
    fill(network, {k: v for k, v in weights.items() if not k.startswith(("gs_head.", "gs_adapter."))}, source)
    return LoadedNetwork(network.eval(), image_size, PATCH, source)


def _build(size: str) -> Any:
    """The published network of a size, as upstream's own file describes it."""
    with quiet():
        cfg = import_part("cfg")
        described = cfg.load_config(import_part("registry").MODEL_REGISTRY[f"da3-{size}"])
        for part in ("gs_head", "gs_adapter"):
            described.pop(part, None)
        # Each part is imported by its name.
        for name in ("model.da3", "model.dinov2.dinov2", "model.dualdpt", "model.cam_enc", "model.cam_dec"):
            import_part(name)
        return cfg.create_object(described)
