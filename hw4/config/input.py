"""`input=`: what a model sees of a pair."""

from dataclasses import dataclass, field

from hw4.config.fields import in_range, one_of
from hw4.core.errors import ConfigError

PAIR, INTERPOLATED = "pair", "interpolated"
ALL, MEDOID, ORACLE = "all", "medoid", "oracle"


@dataclass
class CandidatesConfig:
    """Among what `input.selection=medoid|oracle` picks: generated videos, and subsets of each one's frames.

    `generators` names the videos' folders, as words or patterns (``[dynamicrafter_0,dynamicrafter_1]``,
    ``['*']``); null: `data.generator` alone. Each video gives `subsets` sets of `frames` middle frames, which
    the model sees between the two photos: the first set spread evenly, the others drawn with `seed`.
    Defaults are InterPose's. `bias` is the term towards the estimate from the two photos alone.
    """

    generators: list[str] | None = None
    subsets: int = 11
    frames: int = 3
    bias: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        in_range("input.candidates.subsets", self.subsets, 1, 1000)
        in_range("input.candidates.frames", self.frames, 1)
        in_range("input.candidates.seed", self.seed, 0)
        if self.generators is not None and not self.generators:
            raise ConfigError("input.candidates.generators=[] names no video; name some, or give null.")


@dataclass
class InputConfig:
    """`input=`: two photos, or two photos with the video frames between them.

    With `input=interpolated`, `selection` says how the frames are used: `all` of one video in one
    reconstruction; or one reconstruction per candidate of `candidates`, of which `medoid` picks by
    self-consistency (InterPose's method) and `oracle` by the ground truth (an upper bound, not a method).
    `max_frames` keeps at most that many of the middle frames with `all`, spread evenly; null: all.
    """

    name: str = PAIR
    max_frames: int | None = None
    selection: str = ALL
    candidates: CandidatesConfig = field(default_factory=CandidatesConfig)

    def __post_init__(self) -> None:
        one_of("input", self.name, (PAIR, INTERPOLATED))
        one_of("input.selection", self.selection, (ALL, MEDOID, ORACLE))
        in_range("input.max_frames", self.max_frames, 1)

    @property
    def picks(self) -> bool:
        """Whether one of several candidates is picked."""
        return self.name == INTERPOLATED and self.selection != ALL


def input_label(name: str, selection: str | None) -> str:
    """What tables call an input mode; the words say where the ground truth was used."""
    if name != INTERPOLATED or selection in (None, ALL):
        return name
    words = "oracle: picked with the ground truth" if selection == ORACLE else selection
    return f"{name} ({words})"
