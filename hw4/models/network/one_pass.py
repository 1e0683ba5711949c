"""What networks share that take all views of a scene in one pass."""

import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from hw4.geometry.pnp import diagnose_points
from hw4.models.base import NoRoom, Reconstruction
from hw4.models.network.devices import per_device
from hw4.models.network.room import release, room_for
from hw4.models.network.views import ModelView

# Patches that go through a network at once: on a CPU more gain nothing, on a GPU they fill it.
TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 16384}

_Model = TypeVar("_Model")
_Scenes = Sequence[Sequence[ModelView]]


def scenes_that_fill(device: torch.device, views: Sequence[ModelView], patch_size: int) -> int:
    """How many scenes of these shapes keep a device busy; at least 1."""
    patches = sum(view.pixels[0].numel() for view in views) // patch_size**2
    return max(1, per_device(TOKENS_PER_BATCH, device) // max(1, patches))


def in_one_pass(
    reconstruct_batch: Callable[[_Model, _Scenes], list[Reconstruction]],
) -> Callable[[_Model, _Scenes], list[Reconstruction]]:
    """A `BatchedModel.reconstruct_batch` that raises `NoRoom` where a device is full."""

    @functools.wraps(reconstruct_batch)
    def wrapped(self: _Model, scenes: _Scenes) -> list[Reconstruction]:
        height, width = scenes[0][0].pixels.shape[1:]
        what = f"one pass over {len(scenes[0])} views of {width}x{height} pixels"
        try:
            with room_for(what, "use fewer views, a smaller model.image_size or model.device=cpu"):
                return reconstruct_batch(self, scenes)
        except NoRoom:
            release()
            raise

    return wrapped


def reconstruction_of(
    views: Sequence[ModelView],
    cam_from_world: np.ndarray,
    Ks: np.ndarray,
    maps: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    problems: list[list[str]],
    license: str | None,
) -> Reconstruction:
    """A network's output as a reconstruction; degenerate points are added to the diagnoses.

    Args:
        views: the N photos.
        cam_from_world: (N, 3, 4); NaN for a view without a camera.
        Ks: (N, 3, 3) in pixels of the views; NaN where there are none.
        maps: (N, H, W, 3) points in the world, (N, H, W) confidence, (N, H, W) depth; None: cameras alone.
        problems: what is known to be wrong with each view.
        license: a sentence where the weights' licence limits their use.
    """
    notes: dict[str, object] = {}
    if maps is not None:
        shapes = [diagnose_points(points) for points in maps[0]]
        for entry, shape in zip(problems, shapes, strict=True):
            if shape.degenerate:
                entry.append(str(shape))
        notes["point_shapes"] = [shape.kind for shape in shapes]
        notes["flatness"] = [s.flatness if np.isfinite(s.flatness) else None for s in shapes]
    if license is not None:
        notes["license"] = license
    return Reconstruction(
        cam_from_world=cam_from_world,
        Ks=Ks,
        image_sizes=np.array([view.original_size for view in views]),
        original_from_model=np.stack([view.original_from_model for view in views]),
        images=[view.image for view in views],
        pts3d=None if maps is None else [points.astype(np.float32) for points in maps[0]],
        conf=None if maps is None else list(maps[1].astype(np.float32)),
        depth=None if maps is None else list(maps[2]),
        diagnoses=["; ".join(entry) or None for entry in problems],
        notes=notes,
    )
