"""`data=` of N posed views: the standard data sets, and which of their views make a sample."""

from dataclasses import dataclass
from typing import Any

from hw4.config.data import EXIF, SCENE, DataConfig
from hw4.config.fields import MAX_SEED, group, key
from hw4.config.stages import POSE, PREDICT, SCORE, SPLAT

ALL, RANDOM, PAIRS, SEQUENCE = "all", "random", "pairs", "sequence"
SAMPLERS = (ALL, RANDOM, PAIRS, SEQUENCE)
EVALUATED = (POSE, PREDICT, SCORE)


def _drawn_by(*samplers: str) -> Any:
    return lambda config, _: config.data.frames_list is None and config.data.sampler in samplers


def _is_range(limits: Any) -> bool:
    return len(limits) == 2 and limits[0] <= limits[1]


RANGE: dict[str, Any] = {
    "decides": "files",
    "stages": EVALUATED,
    "read_if": _drawn_by(PAIRS),
    "valid": _is_range,
    "otherwise": "is no range: give the least and the largest value, as [50,90]",
}


@dataclass
class ViewsConfig(DataConfig):
    """What every data set of posed views has: where it lies, and which views make a sample.

    `root` is one scene or a folder of scenes, of which `scenes` names some; null: all. `sampler`:

    - ``random``: `views` of a scene, `sets` times;
    - ``all``: every view of a scene;
    - ``sequence``: every `every`-th view in order, `views` of them a sample, up to `sets` samples;
    - ``pairs``: `sets` pairs a scene whose yaw (degrees, either way), `overlap` (share of the scene that both
      see) and `baseline` (units of the poses) lie in the given ranges; null: any. No view is first twice.

    `views` null: as many as there are; `sets` null: as many as there can be. What is drawn depends on `seed`
    and the scene alone. `frames_list` is the ``frames.json`` of another run, whose frames are used instead.
    `exif`: whether the EXIF orientation of photos is applied; ``auto``: as the cameras say.
    """

    provides = frozenset({"views"})

    # They are of the pair layout.
    gt_convention: str = key("w2c", choices=("w2c", "c2w"), decides="score", stages=())
    generator: str = key("none", decides="files", stages=())
    root: str = key("???", decides="files")
    scenes: list[str] | None = key(
        None, valid=bool, otherwise="names no scene; name some, or give null", decides="files"
    )
    sampler: str = key(
        RANDOM,
        choices=SAMPLERS,
        decides="files",
        stages=EVALUATED,
        read_if=lambda config, _: config.data.frames_list is None,
    )
    views: int | None = key(10, low=2, decides="files", stages=EVALUATED, read_if=_drawn_by(RANDOM, SEQUENCE))
    sets: int | None = key(
        1, low=1, decides="files", stages=EVALUATED, read_if=_drawn_by(RANDOM, SEQUENCE, PAIRS)
    )
    every: int = key(1, low=1, decides="files", stages=EVALUATED, read_if=_drawn_by(SEQUENCE))
    yaw: list[float] | None = group(lambda: [50.0, 90.0], **RANGE)
    overlap: list[float] | None = key(None, **RANGE)
    baseline: list[float] | None = key(None, **RANGE)
    seed: int = key(
        0,
        low=0,
        high=MAX_SEED,
        replicate=True,
        decides="files",
        stages=EVALUATED,
        read_if=_drawn_by(RANDOM, PAIRS),
    )
    frames_list: str | None = key(None, decides="files", stages=EVALUATED)
    # A photo that is read otherwise is told by its digest.
    exif: str = key("auto", choices=EXIF, decides="files", stages=(POSE, PREDICT))


@dataclass
class TestViewsConfig(ViewsConfig):
    """A data set that says which views are for testing: one of its scenes can be splatted, too.

    `test_every`, `train_views`, `train_pick`, `resolution` and `alpha` are those of `SceneConfig`; the first
    counts where a scene does not say which views are for testing.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    provides = frozenset({"views", "scene"})

    test_every: int = key(8, low=2, stages=SCENE)
    train_views: int | None = key(None, low=2, stages=SCENE)
    train_pick: str = key("spread", choices=("spread", "neighbours"), stages=SCENE)
    resolution: int | None = key(None, low=16, stages=SCENE)
    exif: str = key("auto", choices=EXIF, stages=(POSE, PREDICT, SPLAT), decides="files")
    alpha: str = key("composite", choices=("composite", "ignore"), stages=(SPLAT,))


@dataclass
class ColmapConfig(ViewsConfig):
    """Models of COLMAP or GLOMAP: ``sparse/0``, or ``sparse``, or the files themselves; photos in ``images``.

    `images` names another folder of photos. Lens distortion is said, and the photos are taken as they are.
    """

    name: str = key("colmap", decides="files")
    images: str | None = key(None, decides="files")


@dataclass
class NerfstudioConfig(TestViewsConfig):
    """``transforms.json`` of nerfstudio and instant-ngp, or Blender's ``transforms_<split>.json``.

    `split` null: ``transforms.json``, or else all of Blender's files; of ``transforms.json`` it chooses among
    its ``<split>_filenames``.
    """

    name: str = key("nerfstudio", decides="files")
    split: str | None = key(None, choices=("train", "val", "test"), decides="files")


@dataclass
class TumConfig(ViewsConfig):
    """RGB-D trajectories of TUM: ``rgb.txt``, ``groundtruth.txt``, and ``depth.txt`` where it is there.

    A photo has the pose and the depth map that are nearest in time, at most `max_difference` seconds away.
    """

    name: str = key("tum", decides="files")
    max_difference: float = key(0.02, low=0, decides="files")


@dataclass
class SevenScenesConfig(TestViewsConfig):
    """7-Scenes: ``<scene>/seq-01/frame-000000.{color.png,depth.png,pose.txt}``.

    `split` null: every sequence, else those of ``TrainSplit.txt`` or ``TestSplit.txt``.
    """

    name: str = key("7scenes", decides="files")
    split: str | None = key(None, choices=("train", "test"), decides="files")


@dataclass
class ScannetConfig(ViewsConfig):
    """ScanNet as its reader unpacks it: ``<scene>/{color,depth,pose,intrinsic}/``."""

    name: str = key("scannet", decides="files")


@dataclass
class Eth3dConfig(ViewsConfig):
    """ETH3D's multi-view scenes: DSLR photos ``undistorted``, or as taken (``jpg``), with their depth."""

    name: str = key("eth3d", decides="files")
    photos: str = key("undistorted", choices=("undistorted", "jpg"), decides="files")


@dataclass
class Co3dConfig(ViewsConfig):
    """CO3D v2: ``<category>/frame_annotations.jgz``; a scene is ``category/sequence``.

    `categories` null: all that are there. `min_quality` leaves out sequences whose viewpoint quality score
    is below it; null: none.
    """

    name: str = key("co3d", decides="files")
    categories: list[str] | None = key(
        None, valid=bool, otherwise="names no category; name some, or give null", decides="files"
    )
    min_quality: float | None = key(None, decides="files")


@dataclass
class Re10kConfig(ViewsConfig):
    """RealEstate10K: ``<clip>.txt`` camera files in `root`, or in its ``cameras/`` or the folder `split`.

    Photos are ``<photos>/<clip>/<timestamp>.png`` (or .jpg); `photos` null: ``frames/`` or ``images/`` in
    `root`, else beside the camera file.
    """

    name: str = key("re10k", decides="files")
    split: str | None = key(None, choices=("train", "test"), decides="files")
    photos: str | None = key(None, decides="files")


@dataclass
class CambridgeConfig(TestViewsConfig):
    """Cambridge Landmarks: ``<scene>/dataset_train.txt`` and ``dataset_test.txt``.

    `split` null: both. Focal lengths are those of ``reconstruction.nvm``, where that is there.
    """

    name: str = key("cambridge", decides="files")
    split: str | None = key(None, choices=("train", "test"), decides="files")


@dataclass
class SpatialbenchConfig(ViewsConfig):
    """SpatialBench: ``{sparse,medium,dense}/<data set>/<scene>/`` with ``meta.json`` and ``images/``.

    `density` null: whatever lies below `root`.
    """

    name: str = key("spatialbench", decides="files")
    density: str | None = key(None, choices=("sparse", "medium", "dense"), decides="files")
