"""The only place that imports upstream's `dust3r`, `croco` and `vggt` packages."""

import contextlib
import importlib
import io
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

from hw4.core.errors import UserError

# Compiled for another torch: with these out of reach, upstream falls back to its PyTorch RoPE.
_COMPILED_ROPE = ("croco.models.curope", "models.curope")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep upstream's prints and its warnings about its own use of old torch names from the terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def replaced(module: ModuleType, **replacements: Any) -> Iterator[None]:
    """Attributes of a module replaced while the context is open."""
    saved = {name: getattr(module, name) for name in replacements}
    try:
        for name, value in replacements.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in saved.items():
            setattr(module, name, value)


def import_upstream(name: str) -> ModuleType:
    """A module of upstream, imported quietly and without its compiled RoPE.

    Raises:
        UserError: the package is not installed.
    """
    for blocked in _COMPILED_ROPE:
        sys.modules.setdefault(blocked, None)  # type: ignore[arg-type]
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise UserError(
            f"upstream's package {package!r} cannot be imported ({error}); install it with "
            "`pip install instantsplat==1.17.6` (Linux, Python 3.10 or 3.11) or put a checkout of it on "
            "PYTHONPATH."
        ) from error


def import_dust3r_model() -> ModuleType:
    """`dust3r.model`, with upstream's PyTorch RoPE."""
    return import_upstream("dust3r.model")


def import_dust3r_inference() -> SimpleNamespace:
    """`make_pairs` and `inference` of `dust3r.image_pairs` and `dust3r.inference`."""
    return SimpleNamespace(
        make_pairs=import_upstream("dust3r.image_pairs").make_pairs,
        inference=import_upstream("dust3r.inference").inference,
    )


def import_dust3r_alignment() -> SimpleNamespace:
    """The modules `pair_viewer`, `optimizer`, `base_opt` and `init_im_poses` of `dust3r.cloud_opt`."""
    names = ("pair_viewer", "optimizer", "base_opt", "init_im_poses")
    return SimpleNamespace(**{name: import_upstream(f"dust3r.cloud_opt.{name}") for name in names})


def import_vggt_parts() -> SimpleNamespace:
    """`VGGT`, `Aggregator`, `CameraHead` and `DPTHead`."""
    return SimpleNamespace(
        VGGT=import_upstream("vggt.models.vggt").VGGT,
        Aggregator=import_upstream("vggt.models.aggregator").Aggregator,
        CameraHead=import_upstream("vggt.heads.camera_head").CameraHead,
        DPTHead=import_upstream("vggt.heads.dpt_head").DPTHead,
    )


def import_vggt_pose_encoding() -> ModuleType:
    """`vggt.utils.pose_enc`."""
    return import_upstream("vggt.utils.pose_enc")


def import_vggt_geometry() -> ModuleType:
    """`vggt.utils.geometry`."""
    return import_upstream("vggt.utils.geometry")
