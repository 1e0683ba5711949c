"""Scenes for splatting: training images in memory, test images behind a wall.

`load_scene` reads the pixels of training images only. What training gets is a `TrainScene`, which knows
neither the test images nor where they lie; `TestViews` opens a test image when the evaluator asks for it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.config import DataConfig, SampleConfig, SceneConfig
from hw4.data.colmap import ColmapModel, has_colmap, read_colmap
from hw4.errors import UserError
from hw4.models.images import open_upright

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class TrainScene:
    """What training may see.

    Attributes:
        names: N image names without folder.
        paths: N image files, for models that reconstruct from files.
        images: N arrays (H, W, 3) uint8 at training resolution; sizes may differ.
        cam_from_world: (N, 4, 4) float64 world-to-camera, or None where the layout has no cameras.
        Ks: (N, 3, 3) float64 in pixels of `images`, or None.
        points: (P, 3) float64 world points, or None.
        colors: (P, 3) uint8, or None.
        conf: (P,) float32 confidence of the points (DUSt3R's scale), or None.
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
        names: M image names without folder.
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
            UserError: the file is missing or damaged.
        """
        image = load_image(self.paths[index], self.resolution)
        if self.Ks is None or self.sizes is None:
            return image, None
        return image, scaled_K(self.Ks[index], self.sizes[index], (image.shape[1], image.shape[0]))


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
    longest = max(image.size)
    if resolution is not None and longest > resolution:
        size = tuple(max(1, round(edge * resolution / longest)) for edge in image.size)
        image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    return np.array(image)


def scaled_K(K: np.ndarray, size: np.ndarray | tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    """(3, 3) intrinsics of the image resized from `size` to `new_size` (width, height)."""
    return np.diag([new_size[0] / size[0], new_size[1] / size[1], 1.0]) @ K


def _find_images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())


def _image_path(root: Path, name: str) -> Path:
    """The file of an image name in a COLMAP model; names without a suffix match any."""
    folder = root / "images" if (root / "images").is_dir() else root
    path = folder / name
    if path.is_file() or Path(name).suffix.lower() in IMAGE_SUFFIXES:
        return path
    found = [folder / f"{name}{suffix}" for suffix in IMAGE_SUFFIXES]
    return next((p for p in found if p.is_file()), path)


def sparse_views_folder(root: Path) -> Path | None:
    """InstantSplat's ``sparse_<n>``, n the number of training views."""
    found = sorted(p for p in root.glob("sparse_*") if p.name[7:].isdigit() and has_colmap(p / "0"))
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise UserError(f"{root} holds several sets of views ({names}): keep the one to use.")
    return found[0] if found else None


def colmap_folder(root: Path) -> Path | None:
    """Where a plain COLMAP model lies under a scene's folder, or None."""
    return next((p for p in (root / "sparse" / "0", root / "sparse", root) if has_colmap(p)), None)


def find_layout(root: Path) -> str:
    """``sparse_3``, ``colmap`` or ``photos``.

    Raises:
        UserError: the folder does not exist or holds none of them.
    """
    if not root.is_dir():
        raise UserError(f"data.root={root} is not a folder.")
    if sparse_views_folder(root):
        return "sparse_3"
    if colmap_folder(root):
        return "colmap"
    folder = root / "images" if (root / "images").is_dir() else root
    if _find_images(folder):
        return "photos"
    raise UserError(f"{root} holds no scene: no sparse_<n>/0, no sparse/0 and no photos (or images/).")


def split_indices(n: int, test_every: int, train_views: int | None) -> tuple[list[int], list[int]]:
    """Indices of training and test images: every `test_every`-th is held out, the first included (3DGS).

    `train_views` keeps that many of the rest, evenly spread from first to last.

    Raises:
        UserError: fewer than two images are left for training.
    """
    test = list(range(0, n, test_every))
    train = [i for i in range(n) if i % test_every]
    if train_views is not None and train_views < len(train):
        train = [train[i] for i in np.linspace(0, len(train) - 1, train_views).round().astype(int)]
    if len(train) < 2:
        raise UserError(
            f"{n} images with data.test_every={test_every} leave {len(train)} for training: give more "
            "images, or hold out fewer."
        )
    return train, test


def _train_scene(
    root: Path, model: ColmapModel, indices: list[int], resolution: int | None, conf: np.ndarray | None = None
) -> TrainScene:
    paths = [_image_path(root, model.names[i]) for i in indices]
    images = [load_image(path, resolution) for path in paths]
    Ks = [
        scaled_K(model.Ks[i], model.sizes[i], image.shape[1::-1])
        for i, image in zip(indices, images, strict=True)
    ]
    return TrainScene(
        [path.name for path in paths],
        paths,
        images,
        model.cam_from_world[indices],
        np.stack(Ks),
        model.points,
        model.colors,
        conf,
    )


def _test_views(root: Path, model: ColmapModel, indices: list[int], resolution: int | None) -> TestViews:
    paths = [_image_path(root, model.names[i]) for i in indices]
    names = [path.name for path in paths]
    sizes = model.sizes[indices].reshape(-1, 2)
    return TestViews(names, paths, model.cam_from_world[indices], model.Ks[indices], sizes, resolution)


def _load_confidence(folder: Path, n_points: int) -> np.ndarray | None:
    path = folder / "confidence_dsp.npy"
    if not path.is_file():
        return None
    try:
        conf = np.load(path, allow_pickle=False).astype(np.float32).reshape(-1)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} ({error}).") from error
    if len(conf) != n_points:
        raise UserError(f"{path} has {len(conf)} values for {n_points} points of points3D.")
    return conf


def load_scene(
    root: Path,
    layout: str = "auto",
    test_every: int = 8,
    train_views: int | None = None,
    resolution: int | None = None,
) -> Scene:
    """Load the training part of a scene and note where the test part lies.

    Args:
        root: the scene's folder (DESIGN §3).
        layout: ``sparse_3`` (any ``sparse_<n>``), ``colmap``, ``photos`` or ``auto``.
        test_every: every k-th image is held out where the layout does not say which.
        train_views: how many of the remaining images train; null for all.
        resolution: longest edge in pixels; null for as on disk.

    Raises:
        UserError: the folder holds no such scene, or a training image cannot be read.
    """
    root = root.expanduser()
    found = find_layout(root) if layout == "auto" else layout
    if found == "sparse_3":
        folder = sparse_views_folder(root)
        if folder is None:
            raise UserError(f"{root} has no sparse_<n>/0 with a COLMAP model (data.layout=sparse_3).")
        model = read_colmap(folder / "0")
        n = len(model.names)
        if train_views is not None and train_views != n:
            raise UserError(
                f"{folder} says itself which {n} images train: data.train_views={train_views} cannot be met."
            )
        conf = None if model.points is None else _load_confidence(folder / "0", len(model.points))
        train = _train_scene(root, model, list(range(n)), resolution, conf)
        if not has_colmap(folder / "1"):
            empty = TestViews([], [], np.zeros((0, 4, 4)), np.zeros((0, 3, 3)), np.zeros((0, 2)), resolution)
            return Scene(root, found, train, empty, [f"{folder}/1 has no test cameras: nothing is scored"])
        held_out = read_colmap(folder / "1")
        test = _test_views(root, held_out, list(range(len(held_out.names))), resolution)
        shared = {path.resolve() for path in train.paths} & {path.resolve() for path in test.paths}
        if shared:
            names = ", ".join(sorted(path.name for path in shared))
            raise UserError(f"{folder} lists {names} both for training (0) and for testing (1).")
        return Scene(root, found, train, test)
    if found == "colmap":
        source = colmap_folder(root)
        if source is None:
            raise UserError(f"{root} has no sparse/0 with a COLMAP model (data.layout=colmap).")
        model = read_colmap(source)
        train_ids, test_ids = split_indices(len(model.names), test_every, train_views)
        return Scene(
            root,
            found,
            _train_scene(root, model, train_ids, resolution),
            _test_views(root, model, test_ids, resolution),
            ["the model's points were triangulated from all images, the held-out ones included"],
        )
    folder = root / "images" if (root / "images").is_dir() else root
    paths = _find_images(folder) if folder.is_dir() else []
    if not paths:
        raise UserError(f"{folder} holds no photos ({', '.join(IMAGE_SUFFIXES)}).")
    train_ids, test_ids = split_indices(len(paths), test_every, train_views)
    train_paths, test_paths = [paths[i] for i in train_ids], [paths[i] for i in test_ids]
    train = TrainScene(
        [p.name for p in train_paths],
        train_paths,
        [load_image(p, resolution) for p in train_paths],
        None,
        None,
    )
    return Scene(
        root,
        "photos",
        train,
        TestViews([p.name for p in test_paths], test_paths, None, None, None, resolution),
    )


def has_points(config: SceneConfig) -> bool:
    """Whether a scene comes with cameras and points, so that no model is needed; no image is opened.

    Raises:
        UserError: the folder holds no such scene, or its cameras cannot be read.
    """
    root = Path(config.root).expanduser()
    layout = find_layout(root) if config.layout == "auto" else config.layout
    folder = None
    if layout == "sparse_3":
        views = sparse_views_folder(root)
        folder = None if views is None else views / "0"
    elif layout == "colmap":
        folder = colmap_folder(root)
    points = None if folder is None else read_colmap(folder).points
    return points is not None and len(points) > 0


def scene_of(config: DataConfig) -> Scene:
    """The scene of a `data=` group; the sample set is generated first where it is not there yet.

    Raises:
        UserError: the group has no scene, or `load_scene` fails.
    """
    if isinstance(config, SampleConfig):
        from hw4.data.sample import ensure_sample

        return load_scene(ensure_sample(config) / "scene", "sparse_3")
    if isinstance(config, SceneConfig):
        return load_scene(
            Path(config.root), config.layout, config.test_every, config.train_views, config.resolution
        )
    raise UserError(f"data={config.name} has no scene to splat; use data=sample or data=scene.")
