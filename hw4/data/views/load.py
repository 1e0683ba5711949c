"""Samples of N posed views, as the configuration draws them or a list of frames names them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hw4.config import ViewsConfig
from hw4.config.views import PAIRS
from hw4.core.errors import UserError
from hw4.data.orientation import doubts, read_size, read_with_cameras
from hw4.data.pairs.photos_of_cameras import check_Ks
from hw4.data.photos import why_no_photo
from hw4.data.registry import scene_views
from hw4.data.views.frames_list import Frames, read_frames
from hw4.data.views.sample import SampleViews
from hw4.data.views.sampler import draw
from hw4.data.views.scene import SceneViews
from hw4.geometry.cameras import scaled_K

SOME = 4
# By how much the proportions of a photo and of its camera may differ: rounding of a resized photo.
SAME_SHAPE = 0.02


@dataclass(frozen=True)
class ViewSamples:
    """Samples of N views, and what is to be said of how they came about."""

    samples: list[SampleViews]
    notes: list[str]

    @property
    def frames(self) -> list[Frames]:
        """What they are of."""
        return [Frames(one.idx, one.scene, one.names) for one in self.samples]


@dataclass(frozen=True)
class _Drawn:
    idx: int
    scene: SceneViews
    places: tuple[int, ...]


def load_views(config: ViewsConfig, truth: bool = True, photos: bool = True) -> ViewSamples:
    """All samples of a data set of posed views, numbered through its scenes.

    A sample whose photos are missing or do not fit its cameras is returned with its `problem`.

    Args:
        config: of the data set.
        truth: False leaves out cameras and intrinsics.
        photos: False where the cameras alone are scored: nobody looks whether photos are there.

    Raises:
        UserError: the data set or the list of frames cannot be read, or nothing can be drawn.
    """
    drawn, notes = _drawn(config)
    samples = [_sample(one, config, truth, photos) for one in drawn]
    turned = [path for sample in samples for path in sample.doubtful]
    return ViewSamples(samples, [*notes, *doubts(turned)])


def _drawn(config: ViewsConfig) -> tuple[list[_Drawn], list[str]]:
    scenes = scene_views(config)
    if config.frames_list is not None:
        drawn, notes = _listed(config, scenes), list[str]()
    else:
        drawn, notes = _numbered(config, scenes)
    numbers = [one.idx for one in drawn]
    if config.sample is not None and config.sample not in numbers:
        some = ", ".join(map(str, numbers[:6])) + (", ..." if len(numbers) > 6 else "")
        raise UserError(f"data={config.name} has no sample {config.sample}; data.sample can be {some}.")
    drawn = [one for one in drawn if config.sample in (None, one.idx)][: config.limit]
    used = {one.scene.scene: one.scene for one in drawn}
    return drawn, [*notes, *(f"scene {name}: {note}" for name, scene in used.items() for note in scene.notes)]


def _numbered(config: ViewsConfig, scenes: Sequence[SceneViews]) -> tuple[list[_Drawn], list[str]]:
    by_scene = [(scene, draw(scene, config)) for scene in scenes]
    pairs = [(scene, places) for scene, samples in by_scene for places in samples]
    empty = [scene for scene, samples in by_scene if not samples]
    why = (
        "no pair of views in the asked ranges (data.yaw, data.overlap, data.baseline)"
        if config.sampler == PAIRS
        else f"too few views (data.sampler={config.sampler}, data.views={config.views})"
    )
    some = ", ".join(f"{scene.scene} has {len(scene)}" for scene in empty[:SOME])
    more = ", ..." if len(empty) > SOME else ""
    if not pairs:
        raise UserError(f"no scene of {config.root} gives a sample: {why}; of views, {some}{more}.")
    notes = [f"{len(empty)} of {len(by_scene)} scenes give no sample: {why}; {some}{more}"] if empty else []
    return [_Drawn(idx, scene, places) for idx, (scene, places) in enumerate(pairs)], notes


def _listed(config: ViewsConfig, scenes: Sequence[SceneViews]) -> list[_Drawn]:
    path = Path(str(config.frames_list)).expanduser()
    known = {scene.scene: scene for scene in scenes}
    places = {name: {view: i for i, view in enumerate(scene.names)} for name, scene in known.items()}
    drawn = []
    for one in read_frames(path):
        if one.scene not in known:
            raise UserError(f"data.frames_list={path} has a scene {one.scene!r} that {config.root} has not.")
        lost = [name for name in one.names if name not in places[one.scene]]
        if lost:
            raise UserError(
                f"data.frames_list={path}: scene {one.scene} has no view {lost[0]!r} with a pose "
                f"({len(lost)} such in sample {one.idx})."
            )
        drawn.append(_Drawn(one.idx, known[one.scene], tuple(places[one.scene][name] for name in one.names)))
    return drawn


def _sample(one: _Drawn, config: ViewsConfig, truth: bool, photos: bool) -> SampleViews:
    scene, places = one.scene, list(one.places)
    sample = SampleViews(
        one.idx,
        tuple(scene.paths[i] for i in places),
        scene.cam_from_world[places] if truth else None,
        None if scene.Ks is None or not truth else scene.Ks[places],
        scene=scene.scene,
        names=tuple(scene.names[i] for i in places),
        depths=None if scene.depths is None or not truth else tuple(scene.depths[i] for i in places),
    )
    if not photos:
        return sample
    missing = next(filter(None, map(why_no_photo, sample.image_paths)), None)
    if missing is not None:
        return replace(sample, problem=missing)
    sizes = None if scene.sizes is None else scene.sizes[places]
    of_cameras = _camera_sizes(len(places), None if scene.Ks is None else scene.Ks[places], sizes)
    read = read_with_cameras(sample.image_paths, of_cameras, config.exif)
    sample = replace(sample, image_paths=tuple(read.paths), doubtful=tuple(read.doubtful))
    try:
        Ks = None if sample.Ks is None else _fitted(sample.Ks, sizes, read.paths)
    except ValueError as error:
        return replace(sample, problem=str(error))
    return replace(sample, Ks=Ks)


def _camera_sizes(
    n: int, Ks: np.ndarray | None, sizes: np.ndarray | None
) -> list[tuple[float, float] | None]:
    """Width and height of the image of each camera, as far as it tells."""
    found: list[tuple[float, float] | None] = [None] * n
    for i in range(n):
        if sizes is not None and (sizes[i] > 1).all():
            found[i] = (float(sizes[i][0]), float(sizes[i][1]))
        elif (sizes is None or np.isnan(sizes[i]).all()) and Ks is not None and np.isfinite(Ks[i]).all():
            found[i] = (2 * float(Ks[i][0, 2]), 2 * float(Ks[i][1, 2]))
    return found


def _fitted(Ks: np.ndarray, sizes: np.ndarray | None, paths: Sequence[Path]) -> np.ndarray:
    """K in pixels of the photos, which may be resized since; ValueError where one is of another shape."""
    fitted = Ks.copy()
    for i, path in enumerate(paths):
        if not np.isfinite(Ks[i]).all():
            continue
        size = read_size(path)
        if size is not None and sizes is not None and np.isfinite(sizes[i]).all():
            (width, height), (of_width, of_height) = size, sizes[i]
            in_units = of_width == of_height == 1
            if not in_units and abs((width / of_width) / (height / of_height) - 1) > SAME_SHAPE:
                raise ValueError(
                    f"{path.name} is {width:g}x{height:g} but its camera {of_width:g}x{of_height:g}: the "
                    "photo was cropped or turned since its camera was estimated"
                )
            fitted[i] = scaled_K(Ks[i], sizes[i], size)
        check_Ks([path], fitted[i : i + 1])
    return fitted


def files_of(config: ViewsConfig) -> list[Path]:
    """The folder of the data set, then what a run reads: listings, photos and depth maps of its samples."""
    root = Path(config.root).expanduser()
    found: list[Path] = []
    try:
        drawn, _ = _drawn(config)
        for scene in {one.scene.scene: one.scene for one in drawn}.values():
            found += scene.listing
        for one in drawn:
            found += [one.scene.paths[i] for i in one.places]
            files = [one.scene.depths[i] for i in one.places] if one.scene.depths else []
            found += [file.path for file in files if file is not None]
    except UserError:
        # Whoever reads the views says what is wrong with them.
        found = [path for path in root.glob("*") if path.is_file()]
    found += [Path(config.frames_list).expanduser()] if config.frames_list else []
    # Relative to the folder, as content is told by: a copied data set is the same.
    return [root, *dict.fromkeys(Path(os.path.relpath(path, root)) for path in found)]
