"""What the pose stages evaluate, whatever a data set provides: pairs, or N posed views."""

from collections.abc import Sequence
from dataclasses import dataclass

from hw4.config import DataConfig, InputConfig, ViewsConfig
from hw4.config.input import PAIR
from hw4.core.errors import UserError
from hw4.data.orientation import doubts
from hw4.data.pairs.samples import PairSample, load_pairs, load_truth
from hw4.data.views.frames_list import Frames
from hw4.data.views.load import ViewSamples, load_views


@dataclass(frozen=True)
class Samples:
    """Samples in order, what is to be said of them, and the frames that they are of; of pairs None."""

    samples: Sequence[PairSample]
    notes: list[str]
    frames: list[Frames] | None = None


def load_samples(config: DataConfig, inputs: InputConfig, truth: bool = True) -> Samples:
    """All samples of a data set under one input mode; see `load_pairs` and `load_views`.

    Raises:
        UserError: the samples as a whole cannot be used, or posed views are to have frames between them.
    """
    if not isinstance(config, ViewsConfig):
        samples = load_pairs(config, inputs, truth)
        return Samples(samples, doubts([path for sample in samples for path in sample.doubtful]))
    if inputs.name != PAIR:
        raise UserError(
            f"input={inputs.name} is for pairs with frames between: data={config.name} gives all its views "
            "with input=pair."
        )
    return _of_views(load_views(config, truth))


def load_scored(config: DataConfig) -> Samples:
    """All samples as scoring needs them: with their true cameras; no photo need be there.

    Raises:
        UserError: the samples or the ground truth as a whole cannot be used.
    """
    if isinstance(config, ViewsConfig):
        return _of_views(load_views(config, photos=False))
    return Samples(load_truth(config), [])


def _of_views(found: ViewSamples) -> Samples:
    return Samples(found.samples, found.notes, found.frames)
