"""One sample in a report: its photos and their matches, its points, its cameras beside the true ones."""

import io
from dataclasses import dataclass, replace

import numpy as np

from hw4.core.errors import UserError
from hw4.data.photos import limited, open_upright
from hw4.data.views.sample import SampleViews
from hw4.geometry.cameras import FRUSTUM_EDGES, as_world_of_first, four_by_four, frustum, frustum_depth, moved
from hw4.geometry.epipolar import epipolar_distances_px
from hw4.output.blocks import Card, Drawing, Picture
from hw4.output.match_lines import Kind, Photo, match_lines
from hw4.output.scene3d import Frustum, scene_of
from hw4.pose.clouds import CameraCloud, read_cloud
from hw4.pose.results import SampleResult
from hw4.pose.true_cameras import TrueCameras, true_cameras, true_views
from hw4.records.found import cloud_file, found_file
from hw4.records.run import Run

PHOTO_EDGE = 320
MAX_LINES = 60
# A match is right that lies nearer to the true epipolar line, as a share of the photo's longer side.
NEAR = 0.01
# Seen on light and on dark ground.
ESTIMATED, BETWEEN, TRUE = "#e0701a", "#b09680", "#2f8fd0"
RIGHT = Kind("on the true epipolar line", "#35b6ff")
WRONG = Kind("off it", "#ff9440", "5 4")
VERIFIED, NOT_VERIFIED = Kind("verified", "#35b6ff"), Kind("not verified", "#ff9440", "5 4")
FOUND = Kind("matched", "#35b6ff")


@dataclass(frozen=True)
class _Shown:
    """A photo as the page has it: `scale` carries pixels of the file to its own."""

    picture: Picture
    photo: Photo
    scale: float


def card(run: Run, one: SampleResult, label: str) -> Card:
    """What there is of a sample; what is not, is said."""
    photos, lacking = _photos(run, one)
    path, why = cloud_file(run, one)
    cloud = None if path is None else read_cloud(path)
    notes = [lacking]
    drawings = []
    if cloud is None:
        notes.append(f"no points: {why}")
    else:
        for drawing, lost in (_matches(photos, one, cloud), _scene(one, cloud)):
            drawings += [drawing] if drawing else []
            notes.append(lost)
    return Card(label, [shown.picture for shown in photos], drawings, "; ".join(filter(None, notes)))


def _photos(run: Run, one: SampleResult) -> tuple[list[_Shown], str]:
    photos: list[_Shown] = []
    for number, path in enumerate(dict.fromkeys(one.sample.image_paths)):
        here = found_file(str(path), run)
        if here is None:
            return photos, "the photos are no longer there"
        try:
            whole = open_upright(here).convert("RGB")
        except UserError:
            return photos, "the photos cannot be read"
        photo = limited(whole, PHOTO_EDGE)
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=80)
        picture = Picture(f"{one.sample.idx}_{number}", path.name, buffer.getvalue())
        photos.append(_Shown(picture, Photo(picture.content, photo.size), photo.width / whole.width))
    return photos, ""


def _matches(photos: list[_Shown], one: SampleResult, cloud: CameraCloud) -> tuple[Drawing | None, str]:
    """The matches between the first and the last photo, or why there are none."""
    if cloud.matches is None or cloud.verified is None or cloud.n_matches is None or not len(cloud.matches):
        return None, "no matches between the first and the last photo were kept"
    n_photos = len(dict.fromkeys(one.sample.image_paths))
    if len(photos) < n_photos or n_photos < 2:
        return None, ""
    first, last = photos[0], photos[-1]
    n_all, n_verified = (int(n) for n in cloud.n_matches)
    chosen = np.unique(np.linspace(0, len(cloud.matches) - 1, MAX_LINES).astype(int))
    xy, verified = cloud.matches[chosen].astype(float), cloud.verified[chosen]
    kinds = _kinds(one, xy, verified, max(first.photo.size) / first.scale)
    text = f"{len(xy)} of {n_all} matches are drawn" if len(xy) < n_all else f"All {n_all} matches are drawn"
    text += f", {n_verified} are verified by the model" if n_verified < n_all else ""
    scale = np.array([first.scale, first.scale, last.scale, last.scale])
    svg = match_lines(first.photo, last.photo, xy * scale, kinds)
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds), key=lambda kind: kind.dash)}
    legend = [(kind.color, f"{n} {kind.name}") for kind, n in counts.items()]
    return Drawing(Picture(f"{one.sample.idx}_matches", f"{text}.", svg), legend), ""


def _kinds(one: SampleResult, xy: np.ndarray, verified: np.ndarray, edge: float) -> list[Kind]:
    """Right or wrong by the truth where that is known, else by the model's word; `edge`: of the photo, px."""
    truth, Ks = one.sample.cam_from_world, one.sample.Ks
    off = None if truth is None or Ks is None else epipolar_distances_px(xy, truth[[0, -1]], Ks[[0, -1]])
    if off is not None:
        limit = NEAR * edge
        right = replace(RIGHT, name=f"{RIGHT.name} (within {limit:.1f} px)")
        return [right if px <= limit else WRONG for px in off]
    if verified.all():
        return [FOUND] * len(xy)
    return [VERIFIED if ok else NOT_VERIFIED for ok in verified]


def _scene(one: SampleResult, cloud: CameraCloud) -> tuple[Drawing | None, str]:
    """The points and the cameras, estimated and true, or why there are none."""
    cameras = cloud.cam_from_world
    placed = [
        v for v in range(len(cameras)) if np.isfinite(cameras[v]).all() and np.isfinite(cloud.Ks[v]).all()
    ]
    if not placed or not len(cloud.points):
        return None, "its point cloud is empty"
    world = as_world_of_first(cameras)
    depth = frustum_depth(cloud.points, cameras[placed])
    sizes = [(int(width), int(height)) for width, height in cloud.sizes]
    truth, views = _truth(one, cameras, world)
    # Of frames between two photos no truth is known.
    compared = views or placed
    colors = [ESTIMATED if v in compared else BETWEEN for v in placed]
    frusta = [
        Frustum(moved(frustum(cameras[v], cloud.Ks[v], sizes[v], depth), world), color)
        for v, color in sorted(zip(placed, colors, strict=True), key=lambda item: item[1] == ESTIMATED)
    ]
    legend = [(ESTIMATED, "estimated cameras")]
    if BETWEEN in colors:
        legend.append((BETWEEN, "of the frames between"))
    if truth.cam_from_world is not None:
        legend.append((TRUE, "true cameras, dashed"))
        # Where a view has no intrinsics of its own, any will do: the place is what is looked at.
        lens = [v if v in placed else placed[0] for v in views]
        frusta += [
            Frustum(frustum(camera, cloud.Ks[v], sizes[v], depth), TRUE, dashed=True)
            for camera, v in zip(truth.cam_from_world, lens, strict=True)
            if np.isfinite(camera).all()
        ]
    scene = scene_of(moved(cloud.points, world), cloud.colors, frusta, FRUSTUM_EDGES)
    picture = Picture(
        f"{one.sample.idx}_scene", f"{truth.remark[:1].upper()}{truth.remark[1:]}.", scene.svg()
    )
    return Drawing(picture, legend, scene.json()), ""


def _truth(one: SampleResult, cameras: np.ndarray, world: np.ndarray) -> tuple[TrueCameras, list[int]]:
    """The true cameras in the world in which points are shown, and the views that they are of."""
    truth, n = one.sample.cam_from_world, len(cameras)
    if not isinstance(one.sample, SampleViews) or n == 2:
        found = true_cameras(None if truth is None else truth[[0, -1]], cameras)
        laid = "" if found.cam_from_world is None else "first cameras laid together: "
        return replace(found, remark=laid + found.remark), [0, n - 1]
    found = true_views(truth, cameras)
    if found.cam_from_world is None:
        return found, []
    in_first = found.cam_from_world @ np.linalg.inv(four_by_four(world[None])[0])
    return replace(found, cam_from_world=in_first), list(range(n))
