"""Sorting, tiles and blending of one view, forward and backward, on arrays."""

from typing import Any, NamedTuple

import numpy as np

from hw4.splat.rasterize import binning, blending, blending_backward, projection
from hw4.splat.rasterize.threads import in_turn, n_threads, spread

JOBS_PER_THREAD = 8
"""Jobs of tiles for each thread: tiles differ in cost."""


class PlaneGaussians(NamedTuple):
    """N Gaussians on the image plane.

    Attributes:
        means2d: (N, 2) pixels.
        conics: (N, 3).
        depths: (N,) positive.
        extents: (N, 2) half sizes of the boxes in which they can be seen, in pixels.
        radii: (N, 2) int32, 0 where not visible.
        opacities: (N,).
        colors: (N, D).
    """

    means2d: np.ndarray
    conics: np.ndarray
    depths: np.ndarray
    extents: np.ndarray
    radii: np.ndarray
    opacities: np.ndarray
    colors: np.ndarray


class BlendedView(NamedTuple):
    """A picture, and what its gradient needs.

    Attributes:
        image: (H, W, D) colours.
        render_t: (H, W) transmittance left.
        ends: (H, W), see `blending.blend_forward`.
        places: (N,) int32 row of a Gaussian in `packed`, -1 where not visible.
        packed: (V, 8) depth-sorted Gaussians.
        colors: (V, D) theirs.
        lists: see `binning.tile_lists`.
        schedule: (T,) order of tiles.
        n_jobs: that they are dealt to.
        tiles_x: tiles in a row.
    """

    image: np.ndarray
    render_t: np.ndarray
    ends: np.ndarray
    places: np.ndarray
    packed: np.ndarray
    colors: np.ndarray
    lists: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    schedule: np.ndarray
    n_jobs: int
    tiles_x: int


def blend(gaussians: PlaneGaussians, width: int, height: int) -> BlendedView:
    """Render a view of so many pixels, on black."""
    depths, dtype, D = gaussians.depths, gaussians.means2d.dtype, gaussians.colors.shape[1]
    order = binning.depth_order(depths.view(np.uint32 if dtype.itemsize == 4 else np.uint64), gaussians.radii)
    places = np.full(len(depths), -1, np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    packed, colors = np.empty((len(order), binning.N_PACKED), dtype), np.empty((len(order), D), dtype)
    tiles_x, tiles_y = -(-width // binning.TILE_W), -(-height // binning.TILE_H)
    given = (order, gaussians.means2d, gaussians.conics, gaussians.opacities, gaussians.extents)
    lists = binning.tile_lists((*given, gaussians.colors, packed, colors), tiles_x, tiles_y)
    n_jobs = JOBS_PER_THREAD * n_threads()
    schedule = binning.tile_schedule(lists[0], n_jobs)
    image, render_t = np.empty((height, width, D), dtype), np.empty((height, width), dtype)
    ends = np.empty((height, width), np.int32)
    spread(
        blending.blend_forward,
        n_jobs,
        packed,
        colors,
        *lists[:2],
        schedule,
        n_jobs,
        tiles_x,
        image,
        render_t,
        ends,
        per_thread=JOBS_PER_THREAD,
    )
    return BlendedView(image, render_t, ends, places, packed, colors, lists, schedule, n_jobs, tiles_x)


def blend_gradients(
    view: BlendedView, v_image: np.ndarray, v_alphas: np.ndarray, found: tuple[np.ndarray, ...], *then: Any
) -> None:
    """Gradients of a loss in the Gaussians on the image plane.

    Args:
        view: what `blend` gave.
        v_image: (H, W, D) gradient in the colours.
        v_alphas: (H, W) gradient in the alphas.
        found: filled: gradients (N, 2) in means, (N, 3) in conics, (N,) in opacities, (N, D) in colours.
        then: kernels with their arguments that go on from there, block by block of `projection.BLOCK`.
    """
    tile_offsets, ranks, slots, slot_offsets = view.lists
    slot_grads = np.empty((len(ranks), blending_backward.slot_width(v_image.shape[2])), v_image.dtype)
    spread(
        blending_backward.blend_backward,
        view.n_jobs,
        view.packed,
        view.colors,
        tile_offsets,
        ranks,
        slots,
        view.schedule,
        view.n_jobs,
        view.tiles_x,
        view.render_t,
        view.ends,
        v_image,
        v_alphas,
        slot_grads,
        per_thread=JOBS_PER_THREAD,
    )
    gather = (blending_backward.gather_gradients, view.places, slot_offsets, slot_grads, view.packed, *found)
    spread(in_turn(gather, *then), projection.blocks(len(view.places)))
