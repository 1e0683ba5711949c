"""Scenes for splatting: training images in memory, test images behind a wall.

`load_scene` reads the pixels of training images only. What training gets is a `TrainScene`, which knows
neither the test images nor where they lie; `TestViews` opens a test image when the evaluator asks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hw4.config import DataConfig
from hw4.core.errors import UserError
from hw4.core.npz import read_npy
from hw4.data.orientation import (
    APPLY,
    AS_CAMERAS_SAY,
    doubts,
    read_with_cameras,
    read_without_cameras,
)
from hw4.data.photos import load_masked
from hw4.data.registry import exif_of, resolution_of, scene_files, spec_of
from hw4.data.scenes.files import SPREAD, Part, SceneFiles, Split
from hw4.data.scenes.layouts import AUTO, locate
from hw4.data.scenes.tracks import has_training_points, training_points
from hw4.geometry.cameras import scaled_K


@dataclass(frozen=True)
class TrainScene:
    """What training may see.

    Attributes:
        names: N image names, with their folders below that of the photos.
        paths: N image files, for models that reconstruct from files.
        images: N arrays (H, W, 3) uint8 at training resolution; sizes may differ.
        cam_from_world: (N, 4, 4) float64 world-to-camera, or None where the layout has no cameras.
        Ks: (N, 3, 3) float64 in pixels of `images`, or None.
        points: (P, 3) float64 world points, or None.
        colors: (P, 3) uint8, or None.
        conf: (P,) float32 confidence of the points (at least 1, larger is surer), or None.
        masks: for each image (H, W) bool, which pixels count (None: all); None where no image has any.
    """

    names: list[str]
    paths: list[Path]
    images: list[np.ndarray]
    cam_from_world: np.ndarray | None
    Ks: np.ndarray | None
    points: np.ndarray | None = None
    colors: np.ndarray | None = None
    conf: np.ndarray | None = None
    masks: list[np.ndarray | None] | None = None


@dataclass(frozen=True)
class TestViews:
    """Held-out views; images stay on disk until `load`.

    Attributes:
        names: M image names, with their folders below that of the photos.
        paths: M image files.
        cam_from_world: (M, 4, 4) float64, or None where the layout has no cameras.
        Ks: (M, 3, 3) float64 in pixels of `sizes`, or None.
        sizes: (M, 2) int width and height that `Ks` refer to, or None.
        resolution: longest edge of loaded images, null for as on disk.
        exif: whether EXIF orientations are applied: ``auto`` (as the cameras say), ``apply`` or ``ignore``.
        over: grey level under transparent pixels; None: their hidden colours are shown.
        masked: whether transparent pixels do not count.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    names: list[str]
    paths: list[Path]
    cam_from_world: np.ndarray | None
    Ks: np.ndarray | None
    sizes: np.ndarray | None
    resolution: int | None
    exif: str = AS_CAMERAS_SAY
    over: float | None = None
    masked: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Open one test image: (H, W, 3) uint8 and its (3, 3) intrinsics where the layout has cameras.

        Raises:
            UserError: the file is missing, damaged, or not of its camera's proportions.
        """
        return self.load_masked(index)[:2]

    def load_masked(self, index: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """`load`, and which pixels count, (H, W) bool; None: all.

        Raises:
            UserError: as `load`, or no pixel counts.
        """
        path, K = self.paths[index], None
        if self.Ks is not None and self.sizes is not None:
            (path,) = read_with_cameras([path], [tuple(self.sizes[index])], self.exif).paths
        image, keep = load_masked(path, self.resolution, self.over)
        if self.Ks is not None and self.sizes is not None:
            K = _fitted_K(self.Ks[index], self.sizes[index], image, path)
        return image, K, _counting(keep, path) if self.masked else None


@dataclass(frozen=True)
class Scene:
    """A scene split once and for all. `layout` is what was found, such as ``sparse_3`` or ``photos``."""

    root: Path
    layout: str
    train: TrainScene
    test: TestViews
    notes: list[str] = field(default_factory=list)


def _counting(keep: np.ndarray | None, path: Path) -> np.ndarray | None:
    """The mask of a photo, some of whose pixels must count."""
    if keep is not None and not keep.any():
        raise UserError(
            f"image {path} is wholly transparent: with data.alpha=mask none of its pixels counts."
        )
    return keep


def _fitted_K(K: np.ndarray, size: np.ndarray, image: np.ndarray, path: Path) -> np.ndarray:
    """`scaled_K` of a loaded image, which must have its camera's proportions up to rounding."""
    height, width = image.shape[:2]
    expected = width * size[1] / size[0]
    # InstantSplat's cameras are of photos cropped to multiples of 16 pixels.
    if abs(expected - height) > max(1.0, 0.05 * height):
        raise UserError(
            f"{path} is {width}x{height} but its camera {int(size[0])}x{int(size[1])}: the photo was cropped "
            "or turned since its camera was estimated."
        )
    return scaled_K(K, size, (width, height))


def _train_scene(part: Part, images: list[np.ndarray]) -> TrainScene:
    if part.views is None:
        return TrainScene(part.names, part.paths, images, None, None)
    views, ids = part.views, list(part.ids)
    Ks = [
        _fitted_K(views.Ks[i], views.sizes[i], image, path)
        for i, image, path in zip(ids, images, part.paths, strict=True)
    ]
    cameras = views.cam_from_world[ids]
    return TrainScene(part.names, part.paths, images, cameras, np.stack(Ks), views.points, views.colors)


def _test_views(part: Part, resolution: int | None, exif: str, over: float | None) -> TestViews:
    if part.views is None:
        # A model that will give them cameras sees them upright too.
        exif = APPLY if exif == AS_CAMERAS_SAY else exif
        paths = read_without_cameras(part.paths, exif)
        return TestViews(part.names, paths, None, None, None, resolution, exif, over)
    views, ids = part.views, list(part.ids)
    sizes = views.sizes[ids].reshape(-1, 2)
    return TestViews(
        part.names, part.paths, views.cam_from_world[ids], views.Ks[ids], sizes, resolution, exif, over
    )


def _load_confidence(path: Path, n_points: int) -> np.ndarray:
    try:
        conf = read_npy(path).astype(np.float32).reshape(-1)
    except (ValueError, TypeError) as error:
        raise UserError(f"{error}; it must be a .npy of one number a point.") from error
    if len(conf) != n_points:
        raise UserError(f"{path} has {len(conf)} values for {n_points} points of points3D.")
    return conf


def load_scene(
    root: Path,
    layout: str = AUTO,
    test_every: int = 8,
    train_views: int | None = None,
    resolution: int | None = None,
    pick: str = SPREAD,
    exif: str = AS_CAMERAS_SAY,
) -> Scene:
    """Load the training part of a scene and note where the test part lies.

    Args:
        root: the scene's folder.
        layout: ``sparse_3`` (any ``sparse_<n>``), ``colmap``, ``photos``, another package's, or ``auto``.
        test_every: every k-th image is held out where the layout does not say which.
        train_views: how many of the remaining images train; null for all. The n of several ``sparse_<n>``.
        resolution: longest edge in pixels; null for as on disk.
        pick: which of the remaining images these are, ``spread`` or ``neighbours``.
        exif: whether EXIF orientations are applied: ``auto`` (as the cameras say), ``apply`` or ``ignore``.

    Raises:
        UserError: the folder holds no such scene, or a training image cannot be read.
    """
    return load_located(locate(root, layout, Split(test_every, train_views, pick)), resolution, exif)


def _read_as(part: Part, exif: str) -> tuple[Part, list[str]]:
    """The part with its photos as they are to be read, and what cannot be told of them."""
    if part.views is None:
        return replace(part, paths=read_without_cameras(part.paths, exif)), []
    sizes = [tuple(part.views.sizes[i]) for i in part.ids]
    read = read_with_cameras(part.paths, sizes, exif)
    return replace(part, paths=read.paths), doubts(read.doubtful)


def load_located(
    files: SceneFiles,
    resolution: int | None,
    exif: str = AS_CAMERAS_SAY,
    over: float | None = None,
    masked: bool = False,
) -> Scene:
    """Load the training part of a scene whose files are known; see `load_scene` and `TestViews`."""
    part, doubts = _read_as(files.train, exif)
    notes = [*(part.views.notes if part.views else ()), *part.notes, *files.test.notes, *files.notes, *doubts]
    loaded = [load_masked(path, resolution, over) for path in part.paths]
    images, found = [image for image, _ in loaded], [keep for _, keep in loaded]
    notes += _transparent(found, over, masked)
    train = _train_scene(part, images)
    test = replace(_test_views(files.test, resolution, exif, over), masked=masked)
    if masked and any(keep is not None for keep in found):
        masks = [_counting(keep, path) for keep, path in zip(found, part.paths, strict=True)]
        train = replace(train, masks=masks)
    if part.views is not None and part.views.points is not None:
        if files.points_saw_test:
            points, colors, note = training_points(part.views, part.ids, images)
            train, notes = replace(train, points=points, colors=colors), [*notes, note]
        elif part.confidence is not None and len(part.views.points):
            train = replace(train, conf=_load_confidence(part.confidence, len(part.views.points)))
    return Scene(files.root, files.layout, train, test, notes)


def _transparent(found: Sequence[np.ndarray | None], over: float | None, masked: bool) -> list[str]:
    """The sentence about training photos with transparent pixels, where there are any."""
    n = sum(keep is not None for keep in found)
    if not n:
        return []
    done = "their hidden colours are used" if over is None else f"laid over a grey of {over:g}"
    if masked:
        done += ", and left out of loss and scores"
    return [f"{n} of {len(found)} training photos have transparent pixels: {done} (data.alpha)"]


def has_points(config: DataConfig) -> bool:
    """Whether a scene comes with cameras and points, so that no model is needed; no image is opened.

    Raises:
        UserError: the folder holds no such scene, or its cameras cannot be read.
    """
    known = spec_of(config).has_points
    if known is not None:
        return known
    files = scene_files(config)
    views = files.train.views
    if views is None or views.points is None:
        return False
    return has_training_points(views, files.train.ids) if files.points_saw_test else len(views.points) > 0


def scene_of(config: DataConfig, background: float = 0.0) -> Scene:
    """The scene of a `data=` group; the sample set is generated first where it is not there yet.

    Transparent photos are laid over a grey of level `background`, unless ``data.alpha=ignore``; with
    ``data.alpha=mask``, their transparent pixels do not count.

    Raises:
        UserError: the group has no scene, or `load_scene` fails.
    """
    alpha = getattr(config, "alpha", "composite")
    over = None if alpha == "ignore" else background
    return load_located(scene_files(config), resolution_of(config), exif_of(config), over, alpha == "mask")
