"""The only place that imports upstream's `depth_anything_3` package."""

from types import ModuleType, SimpleNamespace

from omegaconf import OmegaConf

from hw4.models.da3.wheel import WHEEL
from hw4.models.network.upstream import import_upstream

PACKAGE = "depth_anything_3"


def import_part(name: str) -> ModuleType:
    """A module of upstream, without what it does to every configuration of this process.

    Raises:
        UserError: as `import_upstream`.
    """
    known = OmegaConf.has_resolver("eval")
    try:
        return import_upstream(f"{PACKAGE}.{name}", WHEEL)
    finally:
        # Upstream lets each value of any configuration run code.
        if not known:
            OmegaConf.clear_resolver("eval")


def import_network() -> SimpleNamespace:
    """The classes that a network is made of."""
    return SimpleNamespace(
        Net=import_part("model.da3").DepthAnything3Net,
        Backbone=import_part("model.dinov2.dinov2").DinoV2,
        VisionTransformer=import_part("model.dinov2.vision_transformer").DinoVisionTransformer,
        Head=import_part("model.dualdpt").DualDPT,
        CameraEncoder=import_part("model.cam_enc").CameraEnc,
        CameraDecoder=import_part("model.cam_dec").CameraDec,
    )


def import_geometry() -> ModuleType:
    """`depth_anything_3.utils.geometry`."""
    return import_part("utils.geometry")
