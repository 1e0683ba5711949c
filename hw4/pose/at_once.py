"""How many samples a model works on at a time: in threads, or in processes of their own."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hw4.data.pairs.samples import PairSample

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel


@dataclass(frozen=True)
class AtOnce:
    """How samples are worked on beside each other; the results are those of one after the other.

    Attributes:
        count: samples at a time, at most; None: of a thread-safe model one for every core, else one.
        group: samples that a process takes together. No batch of a `hw4.models.base.BatchedModel` reaches
            beyond such a group of the list, wherever it is worked on; None: batches end where they will.
        views_each: views that a process must have to work on to be worth its start.
        threads: torch's for a sample: which ones there are decides the last bits of some networks. None: as
            they are.
        make: how a process makes the model: a function of a module, and its arguments. None: this process
            works, in as many threads.
    """

    count: int | None = None
    group: int | None = None
    views_each: int = 1
    threads: int | None = None
    make: "tuple[Callable[..., ReconstructionModel], tuple[Any, ...]] | None" = None

    def left_of_group(self, taken: int) -> int:
        """How many samples a batch may have that begins after so many."""
        return sys.maxsize if self.group is None else self.group - taken % self.group

    def processes(self, samples: Sequence[PairSample]) -> int:
        """How many processes are to work on samples; at most 1: this one does."""
        if self.make is None or self.count is None:
            return 1
        views = sum(len(sample.image_paths) for sample in samples)
        return min(self.count, -(-len(samples) // (self.group or 1)), views // self.views_each)


ALONE = AtOnce()
