"""The only place that imports upstream's `vggt` package."""

from types import ModuleType, SimpleNamespace

from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.upstream import import_upstream


def import_parts() -> SimpleNamespace:
    """`VGGT`, `Aggregator`, `CameraHead` and `DPTHead`."""
    return SimpleNamespace(
        VGGT=import_upstream("vggt.models.vggt", INSTANTSPLAT).VGGT,
        Aggregator=import_upstream("vggt.models.aggregator", INSTANTSPLAT).Aggregator,
        CameraHead=import_upstream("vggt.heads.camera_head", INSTANTSPLAT).CameraHead,
        DPTHead=import_upstream("vggt.heads.dpt_head", INSTANTSPLAT).DPTHead,
    )


def import_pose_encoding() -> ModuleType:
    """`vggt.utils.pose_enc`."""
    return import_upstream("vggt.utils.pose_enc", INSTANTSPLAT)


def import_geometry() -> ModuleType:
    """`vggt.utils.geometry`."""
    return import_upstream("vggt.utils.geometry", INSTANTSPLAT)
