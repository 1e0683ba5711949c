"""`data=`: where images and ground truth are."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from hw4.config.fields import MAX_SEED, Checked, key
from hw4.config.input import INTERPOLATED
from hw4.config.stages import CASE, INTERPOLATE, POSE, PREDICT, RENDER, SCORE, SPLAT, Need

TRUTH = (POSE, SCORE, CASE)
VIDEO = (POSE, PREDICT, CASE)
FRAMES = (*VIDEO, INTERPOLATE)
SCENE = (SPLAT, RENDER)
EXIF = ("auto", "apply", "ignore")


def _frames_are_read(config: Any, stage: str) -> bool:
    return stage not in (POSE, PREDICT) or config.input.name == INTERPOLATED


def _stays_inside(folder: str) -> bool:
    path = PurePosixPath(folder)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


GENERATOR: dict[str, Any] = {
    "decides": "files",
    "stages": VIDEO,
    "read_if": _frames_are_read,
    "valid": _stays_inside,
    "otherwise": "must name a folder among a sample's videos",
}


@dataclass
class DataConfig(Checked, at="data"):
    """Keys that every data source has. `provides` says what is in it: ``pairs``, a ``scene``, ``views``.

    A key that decides only which files are read says so (``decides="files"``); others are part of addresses.

    `sample` evaluates the sample of that number alone, `limit` the first samples only; null: all.
    """

    provides: ClassVar[frozenset[Need]] = frozenset()

    name: str = key("???", decides="files")
    gt_convention: str = key("w2c", choices=("w2c", "c2w"), decides="score", stages=TRUTH)
    generator: str = key("dynamicrafter", **GENERATOR)
    limit: int | None = key(None, low=1, decides="output", stages=(POSE, PREDICT, SCORE, INTERPOLATE))
    sample: int | None = key(None, low=0, decides="output", stages=(POSE, PREDICT, SCORE, INTERPOLATE, CASE))


@dataclass
class SampleConfig(DataConfig):
    """Procedural scenes, generated once into `root` (null: the user's cache folder, keyed by these values).

    The pairs, their interpolated sequences, a degenerate sequence and a sparse-view scene are written in
    the layouts of real data.
    """

    provides = frozenset({"pairs", "scene"})

    name: str = key("sample", decides="files")
    generator: str = key("sample", **GENERATOR)
    root: str | None = key(None, decides="files")
    seed: int = key(1000, low=0, high=MAX_SEED, replicate=True, decides="files")
    pairs: int = key(40, low=1, high=10000, decides="files")
    frames: int = key(6, low=3, high=64, decides="files", stages=FRAMES)
    width: int = key(160, low=32, high=4096, decides="files")
    height: int = key(120, low=32, high=4096, decides="files")


@dataclass
class PairsConfig(DataConfig):
    """Pairs on disk, as `docs/layouts.md` describes them.

    `split` is the folder of `root` that holds the data, where it has one for each part. All other paths are
    relative to that folder. `index` null: ``pairs.txt``, else the only ``<folder>_*.txt`` beside the folder.
    `gt` null: ``gt.npy`` or ``gt.json``. `images` null: ``images/`` where it exists, else the folder itself.
    `interpolated_root` null: ``interpolated/``, else the folder below ``interpolated_images/`` that has a
    folder for each sample. `exif`: whether the EXIF orientation of photos is applied; ``auto``: as K says.
    """

    provides = frozenset({"pairs"})

    name: str = key("pairs", decides="files")
    root: str = key("???", decides="files")
    split: str | None = key(None, choices=("public", "private"), decides="files")
    index: str | None = key(None, decides="files")
    gt: str | None = key(None, decides="score", stages=TRUTH)
    images: str | None = key(None, decides="files", stages=FRAMES)
    # A photo that is read otherwise is told by its digest.
    exif: str = key("auto", choices=EXIF, decides="files", stages=FRAMES)
    interpolated_root: str | None = key(None, decides="files", stages=FRAMES, read_if=_frames_are_read)


@dataclass
class PairsListConfig(DataConfig):
    """Lists of pairs that papers evaluate: LoFTR's ScanNet-1500 and MegaDepth-1500, SuperGlue's pair lists.

    `root`: the folder below which photos lie. `list`: the list, relative to `root` or not: a ``.txt`` of
    SuperGlue, a ``.npz`` of LoFTR, or a folder of such ``.npz``. `intrinsics`: LoFTR's ``intrinsics.npz`` of
    ScanNet; null: beside the list. `exif`: whether the EXIF orientation of photos is applied; ``auto``: as K
    says. Frames between the photos are looked for in ``<root>/interpolated``.
    """

    provides = frozenset({"pairs"})

    # The convention is each list's own.
    gt_convention: str = key("w2c", choices=("w2c", "c2w"), decides="score", stages=())
    name: str = key("pairs_list", decides="files")
    root: str = key("???", decides="files")
    list: str = key("???", decides="files")
    intrinsics: str | None = key(None, decides="files")
    exif: str = key("auto", choices=EXIF, decides="files", stages=FRAMES)


@dataclass
class SceneConfig(DataConfig):
    """A scene for splatting: InstantSplat's ``sparse_3``, plain COLMAP, or a folder of photos.

    `colmap` and `images`: the folders of a COLMAP model and of the photos, below `root` or absolute, where
    they lie otherwise than the layouts say; null: as these do.
    `test_every`: every k-th image is held out where the layout does not say which (COLMAP, bare folder).
    `train_views`: how many of the remaining images train; null: all. Where there are several ``sparse_<n>``,
    it is the n. `train_pick`: these are ``spread`` evenly, or the ``neighbours`` in the middle.
    `resolution`: longest edge in pixels used for training and testing; null: as on disk.
    `exif`: whether the EXIF orientation of photos is applied; ``auto``: as the cameras say.
    `alpha`: transparent pixels are laid over `splat.background` (``composite``), and left out of loss and
    scores too (``mask``), or their hidden colours are used (``ignore``).
    """

    provides = frozenset({"scene"})

    name: str = key("scene", decides="files")
    root: str = key("???", decides="files")
    layout: str = key("auto", stages=SCENE)
    colmap: str | None = key(None, decides="files", stages=SCENE)
    images: str | None = key(None, decides="files", stages=SCENE)
    test_every: int = key(8, low=2, stages=SCENE)
    train_views: int | None = key(None, low=2, stages=SCENE)
    train_pick: str = key("spread", choices=("spread", "neighbours"), stages=SCENE)
    resolution: int | None = key(None, low=16, stages=SCENE)
    exif: str = key("auto", choices=EXIF, stages=(SPLAT,))
    alpha: str = key("composite", choices=("composite", "mask", "ignore"), stages=(SPLAT,))
