"""`input=`: what a model sees of a pair."""

from dataclasses import dataclass
from typing import Any

from hw4.config.fields import MAX_SEED, Checked, group, key
from hw4.config.stages import POSE, PREDICT

PAIR, INTERPOLATED = "pair", "interpolated"
ALL, MEDOID, ORACLE = "all", "medoid", "oracle"


def _picks(config: Any, stage: str) -> bool:
    return config.input.picks


@dataclass
class CandidatesConfig(Checked, at="input.candidates"):
    """Among what `input.selection=medoid|oracle` picks: generated videos, and subsets of each one's frames.

    `generators` names the videos' folders, as words or patterns (``[dynamicrafter_0,dynamicrafter_1]``,
    ``['*']``); null: `data.generator` alone. Each video gives `subsets` sets of `frames` middle frames, which
    the model sees between the two photos: the first set spread evenly, the others drawn with `seed`.
    Defaults are InterPose's. `bias` is the term towards the estimate from the two photos alone.
    """

    generators: list[str] | None = key(None, valid=bool, otherwise="names no video; name some, or give null")
    subsets: int = key(11, low=1, high=1000)
    frames: int = key(3, low=1)
    bias: bool = key(True, read_if=lambda config, _: config.input.selection == MEDOID)
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True)


@dataclass
class InputConfig(Checked, at="input"):
    """`input=`: two photos, or two photos with the video frames between them.

    With `input=interpolated`, `selection` says how the frames are used: `all` of one video in one
    reconstruction; or one reconstruction per candidate of `candidates`, of which `medoid` picks by
    self-consistency (InterPose's method) and `oracle` by the ground truth (an upper bound, not a method).
    `max_frames` keeps at most that many of the middle frames with `all`, spread evenly; null: all.
    """

    name: str = key(PAIR, choices=(PAIR, INTERPOLATED), called="input")
    max_frames: int | None = key(
        None,
        low=1,
        read_if=lambda config, stage: (
            stage not in (POSE, PREDICT) or (config.input.name == INTERPOLATED and not config.input.picks)
        ),
    )
    # Every candidate is predicted by itself: how one is picked decides no prediction.
    selection: str = key(
        ALL,
        choices=(ALL, MEDOID, ORACLE),
        decides="score",
        read_if=lambda config, _: config.input.name == INTERPOLATED,
    )
    candidates: CandidatesConfig = group(CandidatesConfig, decides="score", read_if=_picks)

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
