"""The best and the worst samples of the settings, with their photos and what the model made of them."""

import io
from collections.abc import Sequence

import numpy as np

from hw4.core.errors import UserError
from hw4.data.photos import limited, open_upright
from hw4.geometry.cameras import FRUSTUM_EDGES, as_world_of_first, frustum, frustum_depth, moved
from hw4.output.blocks import Card, Cards, Picture, Section
from hw4.output.reconstruction import camera_color
from hw4.output.scene3d import scene_json
from hw4.output.tables import Table
from hw4.pose.clouds import read_cloud
from hw4.pose.metrics import error_of
from hw4.pose.results import SampleResult
from hw4.records.found import cloud_file, found_file
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.ranking import rank

PHOTO_EDGE = 320
WORST, BEST = 2, 1
MAX_SETTINGS = 4


def extremes_section(findings: Findings) -> Section | None:
    """One block for each of at most four settings, the best ones first; None where nothing is ranked."""
    ranking = rank(findings.pose_scores)
    if ranking is None:
        return None
    section = Section("Pose: worst and best")
    for number, i in enumerate(ranking.order[:MAX_SETTINGS]):
        entry = ranking.entries[i]
        cards, rows = _cards(entry.first)
        if cards:
            data = Table("", ["which", "idx", "error_deg", "img1", "img2"], rows)
            title = f"{entry.label}: the worst samples and the best one"
            section.blocks.append(Cards(f"extremes_{number}", title, cards, data))
    return section if section.blocks else None


def _cards(run: Run) -> tuple[list[Card], list[list[str]]]:
    assert run.pose is not None
    pose = run.pose
    mode = pose.summary.mode
    known = [(error, one) for one in pose.samples if (error := error_of(one.error, mode)) is not None]
    known.sort(key=lambda item: item[0])
    worst = known[::-1][:WORST]
    best = known[: max(0, min(BEST, len(known) - len(worst)))]
    cards, rows = [], []
    for which, chosen in (("worst", worst), ("best", best)):
        for error, one in chosen:
            wide = "" if one.true_angle_deg is None else f", {one.true_angle_deg:.0f}° wide"
            label = f"{which}: idx {one.sample.idx}, {error:.2f}°{wide}, {one.n_views} views"
            pictures, lacking = _photos(run, one)
            scene, why = _scene(run, one)
            notes = [text for text in (lacking, why) if text]
            cards.append(Card(label, pictures, scene, "; ".join(notes)))
            photos = one.sample.image_paths
            rows.append([which, str(one.sample.idx), str(error), photos[0].name, photos[-1].name])
    return cards, rows


def _photos(run: Run, one: SampleResult) -> tuple[list[Picture], str]:
    pictures: list[Picture] = []
    for number, path in enumerate(dict.fromkeys(one.sample.image_paths)):
        here = found_file(str(path), run)
        if here is None:
            return pictures, "the photos are no longer there"
        try:
            photo = limited(open_upright(here).convert("RGB"), PHOTO_EDGE)
        except UserError:
            return pictures, "the photos cannot be read"
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=80)
        pictures.append(Picture(f"{one.sample.idx}_{number}", path.name, buffer.getvalue()))
    return pictures, ""


def _scene(run: Run, one: SampleResult) -> tuple[str | None, str]:
    """The cloud and the cameras, or why there is none."""
    path, why = cloud_file(run, one)
    cloud = None if path is None else read_cloud(path)
    if cloud is None:
        return None, f"no points: {why}"
    world = as_world_of_first(cloud.cam_from_world)
    points = moved(cloud.points, world)
    placed = [
        view
        for view in range(len(cloud.cam_from_world))
        if np.isfinite(cloud.cam_from_world[view]).all() and np.isfinite(cloud.Ks[view]).all()
    ]
    if not placed or not len(points):
        return None, "its point cloud is empty"
    depth = frustum_depth(cloud.points, cloud.cam_from_world[placed])
    frusta = [
        moved(frustum(cloud.cam_from_world[view], cloud.Ks[view], _size(cloud.sizes[view]), depth), world)
        for view in placed
    ]
    colors = [camera_color(view, len(cloud.cam_from_world)) for view in placed]
    return scene_json(points, cloud.colors, frusta, colors, FRUSTUM_EDGES), ""


def _size(pair: Sequence[int]) -> tuple[int, int]:
    width, height = (int(value) for value in pair)
    return width, height
