"""The only place that imports upstream's `dust3r` and `croco` packages."""

import sys
from types import ModuleType, SimpleNamespace

from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.upstream import import_upstream

# Compiled for another torch: with these out of reach, upstream falls back to its PyTorch RoPE.
_COMPILED_ROPE = ("croco.models.curope", "models.curope")


def import_part(name: str) -> ModuleType:
    """A module of upstream, without its compiled RoPE.

    Raises:
        UserError: as `import_upstream`.
    """
    for blocked in _COMPILED_ROPE:
        sys.modules.setdefault(blocked, None)  # type: ignore[arg-type]
    return import_upstream(name, INSTANTSPLAT)


def import_model() -> ModuleType:
    """`dust3r.model`."""
    return import_part("dust3r.model")


def import_inference() -> SimpleNamespace:
    """`make_pairs` and `inference` of `dust3r.image_pairs` and `dust3r.inference`."""
    return SimpleNamespace(
        make_pairs=import_part("dust3r.image_pairs").make_pairs,
        inference=import_part("dust3r.inference").inference,
    )


def import_alignment() -> SimpleNamespace:
    """The modules `pair_viewer`, `optimizer`, `base_opt` and `init_im_poses` of `dust3r.cloud_opt`."""
    names = ("pair_viewer", "optimizer", "base_opt", "init_im_poses")
    return SimpleNamespace(**{name: import_part(f"dust3r.cloud_opt.{name}") for name in names})
