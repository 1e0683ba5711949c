"""`data=` of N posed views: the standard data sets, and which of their views make a sample."""

from dataclasses import dataclass
from typing import Any

from hw4.config.data import EXIF, DataConfig
from hw4.config.fields import MAX_SEED, group, key
from hw4.config.stages import POSE, PREDICT, SCORE

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
class ColmapConfig(ViewsConfig):
    """Models of COLMAP or GLOMAP: ``sparse/0``, or ``sparse``, or the files themselves; photos in ``images``.

    `images` names another folder of photos. Lens distortion is said, and the photos are taken as they are.
    """

    name: str = key("colmap", decides="files")
    images: str | None = key(None, decides="files")
