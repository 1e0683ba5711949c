"""Which files make up a scene, and on which side of the wall each lies; no photo is opened here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config import DataConfig, SampleConfig, SceneConfig
from hw4.core.errors import UserError
from hw4.data.image_names import IMAGE_SUFFIXES, find_images, render_names
from hw4.data.scenes.colmap import ColmapModel, has_colmap, model_files, read_colmap

SPREAD, NEIGHBOURS = "spread", "neighbours"
CONFIDENCE = "confidence_dsp.npy"


@dataclass(frozen=True)
class Part:
    """The training or the test part of a scene.

    Attributes:
        names: N image names, with their folders below that of the photos.
        paths: N image files.
        folder: of the COLMAP model that lists them, or None.
        model: that model; `ids` are the places of the N images in it.
    """

    names: list[str]
    paths: list[Path]
    folder: Path | None = None
    model: ColmapModel | None = None
    ids: tuple[int, ...] = ()

    @property
    def files(self) -> list[Path]:
        """Every file that is read for this part."""
        described = [] if self.folder is None else model_files(self.folder)
        if self.folder is not None and (self.folder / CONFIDENCE).is_file():
            described.append(self.folder / CONFIDENCE)
        return [*described, *self.paths]


@dataclass(frozen=True)
class SceneFiles:
    """A scene's two parts. `layout` is what was found: ``sparse_3``, ``colmap`` or ``photos``."""

    root: Path
    layout: str
    train: Part
    test: Part


def photo_folder(root: Path) -> Path:
    """Where the photos lie."""
    return root / "images" if (root / "images").is_dir() else root


def _image_path(root: Path, name: str) -> Path:
    """The file of an image name in a COLMAP model; names without a suffix match any."""
    folder = photo_folder(root)
    path = folder / name
    if path.is_file() or path.suffix.lower() in IMAGE_SUFFIXES:
        return path
    found = [folder / f"{name}{suffix}" for suffix in IMAGE_SUFFIXES]
    return next((p for p in found if p.is_file()), path)


def sparse_views_folder(root: Path, train_views: int | None = None) -> Path | None:
    """InstantSplat's ``sparse_<n>``, n the number of training views, which chooses where there are several.

    Raises:
        UserError: several, and none is chosen.
    """
    numbered = {int(p.name[7:]): p for p in root.glob("sparse_*") if p.name[7:].isdigit()}
    found = {n: numbered[n] for n in sorted(numbered) if has_colmap(numbered[n] / "0")}
    if len(found) <= 1:
        return next(iter(found.values()), None)
    if train_views not in found:
        names = ", ".join(path.name for path in found.values())
        raise UserError(
            f"{root} holds several sets of views ({names}): choose one with data.train_views="
            f"{' or '.join(map(str, found))}."
        )
    return found[train_views]


def colmap_folder(root: Path) -> Path | None:
    """Where a plain COLMAP model lies under a scene's folder, or None."""
    return next((p for p in (root / "sparse" / "0", root / "sparse", root) if has_colmap(p)), None)


def find_layout(root: Path, train_views: int | None = None) -> str:
    """``sparse_3``, ``colmap`` or ``photos``.

    Raises:
        UserError: the folder does not exist or holds none of them.
    """
    if not root.is_dir():
        raise UserError(f"data.root={root} is not a folder.")
    if sparse_views_folder(root, train_views):
        return "sparse_3"
    if colmap_folder(root):
        return "colmap"
    if find_images(photo_folder(root)):
        return "photos"
    raise UserError(f"{root} holds no scene: no sparse_<n>/0, no sparse/0 and no photos (or images/).")


def split_indices(
    n: int, test_every: int, train_views: int | None, pick: str = SPREAD
) -> tuple[list[int], list[int]]:
    """Indices of training and test images: every `test_every`-th is held out, the first included (3DGS).

    `train_views` keeps that many of the rest: ``spread`` evenly from first to last, or the ``neighbours`` in
    the middle.

    Raises:
        UserError: fewer than two images are left for training.
    """
    test = list(range(0, n, test_every))
    train = [i for i in range(n) if i % test_every]
    if train_views is not None and train_views < len(train):
        if pick == NEIGHBOURS:
            first = (len(train) - train_views) // 2
            train = train[first : first + train_views]
        else:
            train = [train[i] for i in np.linspace(0, len(train) - 1, train_views).round().astype(int)]
    if len(train) < 2:
        raise UserError(
            f"{n} images with data.test_every={test_every} leave {len(train)} for training: give more "
            "images, or hold out fewer."
        )
    return train, test


def _listed(root: Path, folder: Path, model: ColmapModel, ids: list[int]) -> Part:
    paths = [_image_path(root, model.names[i]) for i in ids]
    names = [path.relative_to(photo_folder(root)).as_posix() for path in paths]
    return Part(names, paths, folder, model, tuple(ids))


def locate(
    root: Path,
    layout: str = "auto",
    test_every: int = 8,
    train_views: int | None = None,
    pick: str = SPREAD,
) -> SceneFiles:
    """The files of a scene; arguments as of `hw4.data.scenes.scene.load_scene`.

    Raises:
        UserError: the folder holds no such scene, or its two parts overlap.
    """
    root = root.expanduser()
    found = find_layout(root, train_views) if layout == "auto" else layout
    if found == "sparse_3":
        files = _locate_sparse_views(root, train_views)
    elif found == "colmap":
        folder = colmap_folder(root)
        if folder is None:
            raise UserError(f"{root} has no sparse/0 with a COLMAP model (data.layout=colmap).")
        model = read_colmap(folder)
        train_ids, test_ids = split_indices(len(model.names), test_every, train_views, pick)
        train, test = (_listed(root, folder, model, ids) for ids in (train_ids, test_ids))
        files = SceneFiles(root, found, train, test)
    else:
        photos = photo_folder(root)
        paths = find_images(photos) if photos.is_dir() else []
        if not paths:
            raise UserError(f"{photos} holds no photos ({', '.join(IMAGE_SUFFIXES)}).")
        sides = split_indices(len(paths), test_every, train_views, pick)
        train, test = (Part([paths[i].name for i in ids], [paths[i] for i in ids]) for ids in sides)
        files = SceneFiles(root, "photos", train, test)
    # Before training, so that no score is lost to it afterwards.
    render_names(files.test.names, root)
    return files


def _locate_sparse_views(root: Path, train_views: int | None) -> SceneFiles:
    folder = sparse_views_folder(root, train_views)
    if folder is None:
        raise UserError(f"{root} has no sparse_<n>/0 with a COLMAP model (data.layout=sparse_3).")
    model = read_colmap(folder / "0")
    n = len(model.names)
    if train_views is not None and train_views != n:
        raise UserError(
            f"{folder} says itself which {n} images train: data.train_views={train_views} cannot be met."
        )
    train = _listed(root, folder / "0", model, list(range(n)))
    if not has_colmap(folder / "1"):
        return SceneFiles(root, "sparse_3", train, Part([], []))
    held_out = read_colmap(folder / "1")
    test = _listed(root, folder / "1", held_out, list(range(len(held_out.names))))
    shared = {path.resolve() for path in train.paths} & {path.resolve() for path in test.paths}
    if shared:
        names = ", ".join(sorted(path.name for path in shared))
        raise UserError(f"{folder} lists {names} both for training (0) and for testing (1).")
    return SceneFiles(root, "sparse_3", train, test)


def scene_files(config: DataConfig) -> SceneFiles:
    """The files of the scene of a `data=` group; the sample set is generated first where it is not there yet.

    Raises:
        UserError: the group has no scene, or `locate` fails.
    """
    if isinstance(config, SampleConfig):
        from hw4.data.sample import ensure_sample

        return locate(ensure_sample(config) / "scene", "sparse_3")
    if isinstance(config, SceneConfig):
        return locate(
            Path(config.root), config.layout, config.test_every, config.train_views, config.train_pick
        )
    raise UserError(f"data={config.name} has no scene to splat; use data=sample or data=scene.")
