"""What a scene consists of: its training and test parts, and which files each is read from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hw4.core.errors import UserError
from hw4.data.photos import IMAGE_SUFFIXES, photo_folder, why_no_photo, without_suffix

SPREAD, NEIGHBOURS = "spread", "neighbours"


@dataclass(frozen=True)
class PosedViews:
    """Photos with cameras, and the points that they see, in whatever format these were written.

    Attributes:
        names: N image names, with their folders below that of the photos; a suffix may lack.
        cam_from_world: (N, 4, 4) float64 world-to-camera, OpenCV axes.
        Ks: (N, 3, 3) float64 in pixels of `sizes`.
        sizes: (N, 2) int width and height that `Ks` refer to.
        points: (P, 3) float64 world points, or None.
        colors: (P, 3) uint8, or None.
        observed_points: (O,) int, the point of each observation; empty where nothing is said of them.
        observed_by: (O,) int, the image (place in `names`) of each observation.
        observed_xy: (O, 2) float64, where it is seen, in pixels of `sizes`.
        notes: what was unusual about the files, in sentences for the run's lines.
    """

    names: list[str]
    cam_from_world: np.ndarray
    Ks: np.ndarray
    sizes: np.ndarray
    points: np.ndarray | None = None
    colors: np.ndarray | None = None
    observed_points: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    observed_by: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    observed_xy: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """The training or the test part of a scene.

    Attributes:
        names: N image names, with their folders below that of the photos.
        paths: N image files.
        views: the posed views among which these N are, or None where there are no cameras.
        ids: places of the N images in `views`.
        listing: the files that `views` were read from.
        confidence: ``.npy`` with one number per point of `views`, or None.
        notes: what a person should know of the files.
    """

    names: list[str]
    paths: list[Path]
    views: PosedViews | None = None
    ids: tuple[int, ...] = ()
    listing: tuple[Path, ...] = ()
    confidence: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """Every file that is read for this part."""
        return [*self.listing, *([self.confidence] if self.confidence else []), *self.paths]


@dataclass(frozen=True)
class SceneFiles:
    """A scene's two parts.

    Attributes:
        root: the scene's folder.
        layout: what was found there.
        train, test: the parts; `test` may be empty.
        points_saw_test: whether the points of the training part may come from test photos too: they are then
            triangulated again from observations in training photos alone.
        notes: what a person should know of the split.

    Raises:
        UserError: a photo is in both parts, or twice in one.
    """

    root: Path
    layout: str
    train: Part
    test: Part
    points_saw_test: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[Path, str] = {}
        for side, part in (("training", self.train), ("testing", self.test)):
            for path in part.paths:
                photo = path.resolve()
                if photo in seen:
                    twice = (
                        f"both for {seen[photo]} and for {side}"
                        if seen[photo] != side
                        else f"twice for {side}"
                    )
                    raise UserError(
                        f"{self.root} lists the photo {path} {twice} (data.layout={self.layout}): "
                        "leave it in one place."
                    )
                seen[photo] = side


@dataclass(frozen=True)
class Split:
    """How photos are split where a layout does not say it itself, see `split_indices`; and where they lie.

    Attributes:
        test_every, train_views, pick: of `split_indices`.
        images: folder of the photos below the scene's, or None for the layout's own.
        colmap: folder of a COLMAP model below the scene's, or None.
    """

    test_every: int = 8
    train_views: int | None = None
    pick: str = SPREAD
    images: str | None = None
    colmap: str | None = None

    def photos(self, root: Path) -> Path:
        """The folder of the photos.

        Raises:
            UserError: the one that was asked for is no folder.
        """
        if self.images is None:
            return photo_folder(root)
        folder = root / Path(self.images).expanduser()
        if not folder.is_dir():
            raise UserError(f"data.images={self.images}: {folder} is not a folder.")
        return folder

    def sides(self, n: int) -> tuple[list[int], list[int]]:
        """`split_indices` of n images."""
        return split_indices(n, self.test_every, self.train_views, self.pick)


@dataclass(frozen=True)
class Layout:
    """A row of the table of layouts: how a scene may lie on disk. No photo is opened here.

    Attributes:
        name: what `data.layout` takes.
        sign: what tells the layout, for sentences: ``sparse/0``.
        is_mine: whether a folder holds such a scene.
        locate: its files. Raises UserError where the folder holds no such scene.
        before: layouts whose sign such a folder may show as well, and that it is not.
        photos: where the photos lie in the scene's folder.
    """

    name: str
    sign: str
    is_mine: Callable[[Path], bool]
    locate: Callable[[Path, Split], SceneFiles]
    before: tuple[str, ...] = ()
    photos: Callable[[Path], Path] = photo_folder


def image_path(folder: Path, name: str) -> Path:
    """The file of an image name; with another suffix, or with one, where there is none of that name."""
    path = folder / name
    if why_no_photo(path) is None:
        return path
    found = [folder / f"{without_suffix(name)}{suffix}" for suffix in IMAGE_SUFFIXES]
    return next((p for p in found if why_no_photo(p) is None), path)


def part_of(
    photos: Path,
    views: PosedViews,
    ids: list[int],
    listing: tuple[Path, ...] = (),
    confidence: Path | None = None,
) -> Part:
    """The part of a scene that some of its posed views are.

    Args:
        photos: folder that the views' names are below.
        views: all of them.
        ids: places of this part's in `views`.
        listing: the files that `views` were read from.
        confidence: file of the points' confidence, or None.
    """
    paths = [image_path(photos, views.names[i]) for i in ids]
    names = [path.relative_to(photos).as_posix() for path in paths]
    said = [views.names[i] for i in ids]
    pairs = zip(said, names, strict=True)
    other = [name for listed, name in pairs if listed not in (name, without_suffix(name))]
    notes = (f"{len(other)} listed photos lie there under another suffix: {other[0]}",) if other else ()
    return Part(names, paths, views, tuple(ids), listing, confidence, notes)


def split_indices(
    n: int, test_every: int, train_views: int | None, pick: str = SPREAD
) -> tuple[list[int], list[int]]:
    """Indices of training and test images: every `test_every`-th is held out, the first included (3DGS).

    `train_views` keeps that many of the rest: ``spread`` evenly from first to last, or the ``neighbours`` in
    the middle.

    Raises:
        UserError: fewer than two images are left for training, or fewer than `train_views`.
    """
    test = list(range(0, n, test_every))
    train = [i for i in range(n) if i % test_every]
    if train_views is not None and train_views > len(train) >= 2:
        raise UserError(
            f"data.train_views={train_views} cannot be met: {n} images with data.test_every={test_every} "
            f"leave {len(train)} for training."
        )
    train = picked(train, train_views, pick)
    if len(train) < 2:
        raise UserError(
            f"{n} images with data.test_every={test_every} leave {len(train)} for training: give more "
            "images, or hold out fewer."
        )
    return train, test


def picked(train: list[int], train_views: int | None, pick: str) -> list[int]:
    """At most that many of the training images: ``spread`` evenly, or the ``neighbours`` in the middle."""
    if train_views is None or train_views >= len(train):
        return train
    if pick == NEIGHBOURS:
        first = (len(train) - train_views) // 2
        return train[first : first + train_views]
    return [train[i] for i in np.linspace(0, len(train) - 1, train_views).round().astype(int)]
