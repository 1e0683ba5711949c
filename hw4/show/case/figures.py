"""Pictures of one sample under both inputs."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from hw4.data.photos import load_image, spread
from hw4.geometry.cameras import as_world_of_first, frustum, frustum_depth, moved
from hw4.geometry.pnp import FLAT
from hw4.models.clouds import cloud_of
from hw4.output.figures import SCREEN, panel_grid, save_figure, side_by_side
from hw4.output.reconstruction import TRUE_COLOR, Drawn, predicted, two_sides, view_frusta
from hw4.pose.true_cameras import true_cameras
from hw4.show.case.matches import MatchedPair
from hw4.show.case.result import CaseInput, CaseResult

MAX_FRAMES = 18
MAX_MATCH_ROWS = 8
FRAME_EDGE = 320
# Matches drawn per pair and kind.
MAX_LINES = 60
COLORS = {"neither": "#d62728", "one homography": "#1f77b4", "parallax": "#2ca02c"}


def write_figures(result: CaseResult, out_dir: Path, style: str = SCREEN) -> dict[str, str]:
    """Draw everything; returns files by ``kind`` or ``kind:input``."""
    files = {"frames": save_figure(frames_figure(result), out_dir / "frames.png", style)}
    for one in result.inputs:
        if one.reconstruction is not None:
            figure = cloud_figure(one)
            files[f"cloud:{one.name}"] = save_figure(figure, out_dir / f"cloud_{one.name}.png", style)
    if any(one.shapes for one in result.inputs):
        files["singular_values"] = save_figure(shapes_figure(result), out_dir / "singular_values.png", style)
    for one in result.inputs:
        figure = matches_figure(one)
        files[f"matches:{one.name}"] = save_figure(figure, out_dir / f"matches_{one.name}.png", style)
    return {name: str(path) for name, path in files.items()}


def frames_figure(result: CaseResult) -> Figure:
    """The views of the longest input in order, the photos framed."""
    longest = max(result.inputs, key=lambda one: one.n_views)
    paths = longest.result.sample.image_paths
    shown = spread(len(paths), MAX_FRAMES)
    images = [load_image(paths[view], FRAME_EDGE) for view in shown]
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    figure, grid = panel_grid(len(shown), min(6, len(shown)), 2.2, aspect, 0.35)
    for axes, view, image in zip(grid, shown, images, strict=True):
        photo = view in (0, len(paths) - 1)
        axes.imshow(image)
        axes.set_title(f"view {view}" + (", photo" if photo else ""), fontsize=8)
    return figure


def cloud_figure(one: CaseInput) -> Figure:
    """Points and cameras from above and from the side, in the first placed camera's frame."""
    r = one.reconstruction
    assert r is not None
    to_first = as_world_of_first(r.cam_from_world)
    cloud = cloud_of(r, placed_only=False)
    depth = frustum_depth(cloud.points, r.cam_from_world)
    frusta = view_frusta(r, depth, to_first)
    drawn = [predicted(frusta, r.n_views, f"predicted: {len(frusta)} of {r.n_views} views")]
    truth = true_cameras(one.result.sample.cam_from_world, r.cam_from_world)
    if truth.cam_from_world is not None and 0 in frusta:
        true = [frustum(camera, r.Ks[0], r.image_size(0), depth) for camera in truth.cam_from_world]
        drawn.append(Drawn(true, [TRUE_COLOR] * 2, f"true ({truth.remark})", dashed=True))
    error = one.result.error.rotation_deg
    wrong = "no result" if error is None else f"rotation wrong by {error:.2f}°"
    title = f"sample {one.result.sample.idx}, input {one.name}: {wrong}"
    return two_sides(moved(cloud.points, to_first), cloud.colors, drawn, title)


def shapes_figure(result: CaseResult) -> Figure:
    """Singular values relative to the largest, by view: what lacks a dimension falls under the line."""
    with_shapes = [one for one in result.inputs if one.shapes]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for axes, one in zip(
        np.atleast_1d(figure.subplots(1, len(with_shapes), sharey=True)), with_shapes, strict=True
    ):
        where = np.arange(len(one.shapes))
        values = np.array([shape.singular_values for shape in one.shapes.values()], float)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = values / values[:, :1]
        for number in range(3):
            heights = np.nan_to_num(relative[:, number], nan=0.0)
            axes.bar(
                where + 0.27 * (number - 1), np.maximum(heights, 1e-5), 0.25, label=f"σ{'₁₂₃'[number]}/σ₁"
            )
        axes.axhline(
            FLAT, color="#d62728", linewidth=1, linestyle="--", label=f"{FLAT:g}: a dimension is missing"
        )
        names = [name.removeprefix("view ") for name in one.shapes]
        axes.set(yscale="log", ylim=(1e-4, 1.5), xlabel="points of view", title=f"input {one.name}")
        axes.set_xticks(where, names, fontsize=7)
    # Beside the axes: bars may stand anywhere in them.
    figure.legend(*axes.get_legend_handles_labels(), fontsize=7, loc="outside right center")
    return figure


def _pair_rows(one: CaseInput) -> list[MatchedPair]:
    return [one.matched[i] for i in spread(len(one.matched), MAX_MATCH_ROWS)]


def matches_figure(one: CaseInput) -> Figure:
    """Each pair of neighbouring views side by side with its matches."""
    shown = _pair_rows(one)
    height, width = shown[0].images[0].shape[:2]
    figure, grid = panel_grid(len(shown), min(2, len(shown)), 6.5, height / (2 * width), 0.45)
    for axes, matched in zip(grid, shown, strict=True):
        _draw_matches(axes, matched)
    return figure


def _draw_matches(axes: Any, matched: MatchedPair) -> None:
    axes.imshow(side_by_side(matched.images))
    kinds = {
        "neither": ~matched.epipolar,
        "one homography": matched.planar,
        "parallax": matched.epipolar & ~matched.planar,
    }
    for kind, mask in kinds.items():
        picked = np.flatnonzero(mask)
        picked = picked[spread(len(picked), MAX_LINES)] if len(picked) else picked
        lines = matched.xy[picked] + np.array([[0, 0], [matched.images[0].shape[1], 0]])
        axes.add_collection(LineCollection(list(lines), colors=COLORS[kind], linewidths=0.6, alpha=0.8))
    p = matched.parallax
    axes.set_title(
        f"views {p.first} → {p.second}: {p.n_matches} matches, {p.n_epipolar} epipolar, "
        f"{p.n_homography} by one homography: {p.verdict}",
        fontsize=7,
    )
