"""Files of one predicted sample: its cloud for other programs, its views and its cameras as pictures."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hw4.core.errors import UserError
from hw4.data.photos import load_image, spread
from hw4.geometry.cameras import as_world_of_first, frustum, frustum_depth, moved
from hw4.models.clouds import Cloud
from hw4.output.figures import SCREEN, panel_grid, save_figure
from hw4.output.reconstruction import predicted, two_sides
from hw4.pose.clouds import CameraCloud
from hw4.pose.results import SampleResult
from hw4.show.demo.files3d import write_points_ply

MAX_VIEWS = 6
VIEW_EDGE = 320


def write_cloud(cloud: CameraCloud, path: Path) -> Path:
    """Write a cloud as PLY, in the prediction's world."""
    return write_points_ply(Cloud(cloud.points, cloud.colors, cloud.conf, len(cloud.points)), path)


def write_pictures(
    one: SampleResult, cloud: CameraCloud | None, folder: Path, style: str = SCREEN
) -> dict[str, str]:
    """Draw a sample's views and, where it has a cloud, that with its cameras; returns files by kind."""
    name, files = one.sample.idx, {}
    views = views_figure(one)
    if views is not None:
        files["views"] = str(save_figure(views, folder / f"{name}_views.png", style))
    if cloud is not None:
        files["cloud"] = str(save_figure(cloud_figure(one, cloud), folder / f"{name}_cloud.png", style))
    return files


def views_figure(one: SampleResult) -> Figure | None:
    """What the model saw: the two photos, and some of the frames between; None where one cannot be read."""
    paths = one.sample.image_paths
    shown = spread(len(paths), MAX_VIEWS)
    try:
        images = [load_image(paths[view], VIEW_EDGE) for view in shown]
    except UserError:
        return None
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    figure, grid = panel_grid(len(shown), len(shown), 2.2, aspect, 0.35)
    for axes, view, image in zip(grid, shown, images, strict=True):
        axes.imshow(image)
        axes.set_title(f"view {view}" + (", photo" if view in (0, len(paths) - 1) else ""), fontsize=8)
    return figure


def cloud_figure(one: SampleResult, cloud: CameraCloud) -> Figure:
    """Points and cameras from above and from the side, in the first placed camera's frame."""
    to_first = as_world_of_first(cloud.cam_from_world)
    depth = frustum_depth(cloud.points.astype(float), cloud.cam_from_world)
    frusta = {}
    for view, (camera, K, size) in enumerate(zip(cloud.cam_from_world, cloud.Ks, cloud.sizes, strict=True)):
        if np.isfinite(camera).all() and np.isfinite(K).all():
            corners = frustum(camera, K, (int(size[0]), int(size[1])), depth)
            frusta[view] = moved(corners, to_first)
    n_views = len(cloud.cam_from_world)
    cameras = predicted(frusta, n_views, f"predicted: {len(frusta)} of {n_views} views")
    return two_sides(moved(cloud.points, to_first), cloud.colors, [cameras], f"sample {one.sample.idx}")
