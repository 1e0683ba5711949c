"""Scenes for splatting: training images in memory, test images behind a wall.

`load_scene` reads the pixels of training images only. What training gets is a `TrainScene`, which knows
neither the test images nor where they lie; `TestViews` opens a test image when the evaluator asks for it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.config import DataConfig, SceneConfig
from hw4.core.errors import UserError
from hw4.data.photos import open_upright
from hw4.data.scenes.layouts import CONFIDENCE, SPREAD, Part, SceneFiles, locate, scene_files
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
    """

    names: list[str]
    paths: list[Path]
    images: list[np.ndarray]
    cam_from_world: np.ndarray | None
    Ks: np.ndarray | None
    points: np.ndarray | None = None
    colors: np.ndarray | None = None
    conf: np.ndarray | None = None


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
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    names: list[str]
    paths: list[Path]
    cam_from_world: np.ndarray | None
    Ks: np.ndarray | None
    sizes: np.ndarray | None
    resolution: int | None

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Open one test image: (H, W, 3) uint8 and its (3, 3) intrinsics where the layout has cameras.

        Raises:
            UserError: the file is missing, damaged, or not of its camera's proportions.
        """
        image = load_image(self.paths[index], self.resolution)
        if self.Ks is None or self.sizes is None:
            return image, None
        return image, _fitted_K(self.Ks[index], self.sizes[index], image, self.paths[index])


@dataclass(frozen=True)
class Scene:
    """A scene split once and for all. `layout` is what was found: ``sparse_3``, ``colmap`` or ``photos``."""

    root: Path
    layout: str
    train: TrainScene
    test: TestViews
    notes: list[str] = field(default_factory=list)


def load_image(path: Path, resolution: int | None) -> np.ndarray:
    """(H, W, 3) uint8, downscaled so that the longest edge has at most `resolution` pixels.

    Raises:
        UserError: the file is missing or damaged.
    """
    image = open_upright(path).convert("RGB")
    size = limited_size(image.size, resolution)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.array(image)


def limited_size(size: tuple[int, int] | np.ndarray, resolution: int | None) -> tuple[int, int]:
    """Width and height of an image of `size` as `load_image` gives it."""
    width, height = int(size[0]), int(size[1])
    longest = max(width, height)
    if resolution is None or longest <= resolution:
        return width, height
    return max(1, round(width * resolution / longest)), max(1, round(height * resolution / longest))


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
    if part.model is None:
        return TrainScene(part.names, part.paths, images, None, None)
    model, ids = part.model, list(part.ids)
    Ks = [
        _fitted_K(model.Ks[i], model.sizes[i], image, path)
        for i, image, path in zip(ids, images, part.paths, strict=True)
    ]
    cameras = model.cam_from_world[ids]
    return TrainScene(part.names, part.paths, images, cameras, np.stack(Ks), model.points, model.colors)


def _test_views(part: Part, resolution: int | None) -> TestViews:
    if part.model is None:
        return TestViews(part.names, part.paths, None, None, None, resolution)
    model, ids = part.model, list(part.ids)
    sizes = model.sizes[ids].reshape(-1, 2)
    return TestViews(part.names, part.paths, model.cam_from_world[ids], model.Ks[ids], sizes, resolution)


def _load_confidence(folder: Path, n_points: int) -> np.ndarray | None:
    path = folder / CONFIDENCE
    if not path.is_file():
        return None
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            raise ValueError("it is an archive of arrays, not one array")
        conf = loaded.astype(np.float32).reshape(-1)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {path} ({error}); it must be a .npy of one number a point.") from error
    if len(conf) != n_points:
        raise UserError(f"{path} has {len(conf)} values for {n_points} points of points3D.")
    return conf


def load_scene(
    root: Path,
    layout: str = "auto",
    test_every: int = 8,
    train_views: int | None = None,
    resolution: int | None = None,
    pick: str = SPREAD,
) -> Scene:
    """Load the training part of a scene and note where the test part lies.

    Args:
        root: the scene's folder.
        layout: ``sparse_3`` (any ``sparse_<n>``), ``colmap``, ``photos`` or ``auto``.
        test_every: every k-th image is held out where the layout does not say which.
        train_views: how many of the remaining images train; null for all. The n of several ``sparse_<n>``.
        resolution: longest edge in pixels; null for as on disk.
        pick: which of the remaining images these are, ``spread`` or ``neighbours``.

    Raises:
        UserError: the folder holds no such scene, or a training image cannot be read.
    """
    return load_located(locate(root, layout, test_every, train_views, pick), resolution)


def load_located(files: SceneFiles, resolution: int | None) -> Scene:
    """Load the training part of a scene whose files are known; see `load_scene`."""
    images = [load_image(path, resolution) for path in files.train.paths]
    train, test = _train_scene(files.train, images), _test_views(files.test, resolution)
    notes = [] if files.train.model is None else list(files.train.model.notes)
    model, folder = files.train.model, files.train.folder
    if files.layout == "colmap" and model is not None and model.points is not None:
        points, colors, note = training_points(model, files.train.ids, images)
        train = replace(train, points=points, colors=colors)
        notes.append(note)
    elif files.layout == "sparse_3" and folder is not None:
        n_points = 0 if train.points is None else len(train.points)
        train = replace(train, conf=_load_confidence(folder, n_points) if n_points else None)
        if not files.test.names:
            notes.append(f"{folder.parent / '1'} has no test cameras: nothing is scored")
    return Scene(files.root, files.layout, train, test, notes)


def has_points(config: SceneConfig) -> bool:
    """Whether a scene comes with cameras and points, so that no model is needed; no image is opened.

    Raises:
        UserError: the folder holds no such scene, or its cameras cannot be read.
    """
    files = scene_files(config)
    model = files.train.model
    if files.layout == "colmap" and model is not None:
        return has_training_points(model, files.train.ids)
    return model is not None and model.points is not None and len(model.points) > 0


def scene_of(config: DataConfig) -> Scene:
    """The scene of a `data=` group; the sample set is generated first where it is not there yet.

    Raises:
        UserError: the group has no scene, or `load_scene` fails.
    """
    return load_located(scene_files(config), config.resolution if isinstance(config, SceneConfig) else None)
