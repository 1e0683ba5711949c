"""The only place that imports upstream's `vggt` package."""

from types import ModuleType, SimpleNamespace

from hw4.models.network.upstream import import_upstream


def import_parts() -> SimpleNamespace:
    """`VGGT`, `Aggregator`, `CameraHead` and `DPTHead`."""
    return SimpleNamespace(
        VGGT=import_upstream("vggt.models.vggt").VGGT,
        Aggregator=import_upstream("vggt.models.aggregator").Aggregator,
        CameraHead=import_upstream("vggt.heads.camera_head").CameraHead,
        DPTHead=import_upstream("vggt.heads.dpt_head").DPTHead,
    )


def import_pose_encoding() -> ModuleType:
    """`vggt.utils.pose_enc`."""
    return import_upstream("vggt.utils.pose_enc")


def import_geometry() -> ModuleType:
    """`vggt.utils.geometry`."""
    return import_upstream("vggt.utils.geometry")
