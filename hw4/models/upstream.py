"""The only place that imports upstream's `dust3r`, `croco` and `vggt` packages."""

import contextlib
import importlib
import io
import sys
import warnings
from types import ModuleType, SimpleNamespace

from hw4.errors import UserError

# Compiled for another torch: with these out of reach, upstream falls back to its PyTorch RoPE.
_COMPILED_ROPE = ("croco.models.curope", "models.curope")


def _import(name: str) -> ModuleType:
    for blocked in _COMPILED_ROPE:
        sys.modules.setdefault(blocked, None)  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"upstream's package {name.split('.')[0]} cannot be imported ({error}); run `make setup`, "
            "or put a checkout of it on PYTHONPATH."
        ) from error


def import_dust3r_model() -> ModuleType:
    """`dust3r.model`, with upstream's PyTorch RoPE."""
    return _import("dust3r.model")


def import_vggt_parts() -> SimpleNamespace:
    """`VGGT`, `Aggregator`, `CameraHead` and `DPTHead`."""
    return SimpleNamespace(
        VGGT=_import("vggt.models.vggt").VGGT,
        Aggregator=_import("vggt.models.aggregator").Aggregator,
        CameraHead=_import("vggt.heads.camera_head").CameraHead,
        DPTHead=_import("vggt.heads.dpt_head").DPTHead,
    )


def import_vggt_pose_encoding() -> ModuleType:
    """`vggt.utils.pose_enc`."""
    return _import("vggt.utils.pose_enc")
