"""`data=`: where images and ground truth are."""

from dataclasses import dataclass

from hw4.config.fields import in_range, one_of


@dataclass
class DataConfig:
    """Keys that every data source has.

    `sample` evaluates the sample of that number alone, `limit` the first samples only; null: all.
    """

    name: str = "???"
    gt_convention: str = "w2c"
    generator: str = "dynamicrafter"
    limit: int | None = None
    sample: int | None = None

    def __post_init__(self) -> None:
        one_of("data.gt_convention", self.gt_convention, ("w2c", "c2w"))
        in_range("data.limit", self.limit, 1)
        in_range("data.sample", self.sample, 0)


@dataclass
class SampleConfig(DataConfig):
    """Procedural scenes, generated once into `root` (null: the user's cache folder, keyed by these values).

    The pairs, their interpolated sequences, a degenerate sequence and a sparse-view scene are written in
    the layouts of real data.
    """

    name: str = "sample"
    generator: str = "sample"
    root: str | None = None
    seed: int = 1000
    pairs: int = 40
    frames: int = 6
    width: int = 160
    height: int = 120

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("data.pairs", self.pairs, 1, 10000)
        in_range("data.frames", self.frames, 3, 64)
        in_range("data.width", self.width, 32, 4096)
        in_range("data.height", self.height, 32, 4096)
        in_range("data.seed", self.seed, 0)


@dataclass
class PairsConfig(DataConfig):
    """Pairs on disk, as `docs/layouts.md` describes them.

    `index`, `gt` and `interpolated_root` are relative to `root`.
    `gt` null: ``gt.npy`` or ``gt.json`` beside the index. `images` null: ``images/`` under `root` where it
    exists, else `root`.
    """

    name: str = "pairs"
    root: str = "???"
    index: str = "pairs.txt"
    gt: str | None = None
    images: str | None = None
    interpolated_root: str = "interpolated"


@dataclass
class SceneConfig(DataConfig):
    """A scene for splatting: InstantSplat's ``sparse_3``, plain COLMAP, or a folder of photos.

    `test_every`: every k-th image is held out where the layout does not say which (COLMAP, bare folder).
    `train_views`: how many of the remaining images train; null: all. Where there are several ``sparse_<n>``,
    it is the n. `train_pick`: these are ``spread`` evenly, or the ``neighbours`` in the middle.
    `resolution`: longest edge in pixels used for training and testing; null: as on disk.
    """

    name: str = "scene"
    root: str = "???"
    layout: str = "auto"
    test_every: int = 8
    train_views: int | None = None
    train_pick: str = "spread"
    resolution: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("data.layout", self.layout, ("auto", "sparse_3", "colmap", "photos"))
        in_range("data.test_every", self.test_every, 2)
        in_range("data.train_views", self.train_views, 2)
        one_of("data.train_pick", self.train_pick, ("spread", "neighbours"))
        in_range("data.resolution", self.resolution, 16)


DATA_NODES = {"sample": SampleConfig, "pairs": PairsConfig, "scene": SceneConfig}
