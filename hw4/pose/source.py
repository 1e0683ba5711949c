"""Where the predictions of an evaluation come from."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw4.data.pairs.samples import PairSample
from hw4.pose.results import Prediction


@dataclass(frozen=True)
class Answer:
    """A source's word on one sample.

    Attributes:
        sample: as the model saw it: its frames may be those of the candidate that was picked.
        prediction: what is scored.
        reused: whether nothing had to be computed for it.
        selection: how it was picked among candidates, for the records; None where there was no choice.
    """

    sample: PairSample
    prediction: Prediction
    reused: bool = False
    selection: dict[str, Any] | None = None


class Source(ABC):
    """A model, a model with a choice among candidates, or a file.

    Attributes:
        cache_dir: the folder in which a prediction's `cloud` lies; None where there are no clouds.
        remarks: what every table of the result must say.
    """

    cache_dir: Path | None = None
    remarks: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of a cache that answers come from or go to."""
        return () if self.cache_dir is None else (self.cache_dir,)

    @property
    @abstractmethod
    def labels(self) -> tuple[str, str]:
        """What tables call the model and its weights."""

    @abstractmethod
    def answers(self, samples: Sequence[PairSample]) -> Generator[Answer, None, None]:
        """One answer per sample, in order; a sample that goes wrong is an answer too, and never raises.

        Args:
            samples: such as can be read, without a `problem`.

        Raises:
            UserError: the source as a whole cannot be used.
        """
