"""Memory of a device that ends: smaller batches, then a sentence."""

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

import torch

from hw4.models.base import NoRoom

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# What torch says where it has no class for it: Apple's GPU, the CPU's allocator, CUDA's libraries.
_SAID = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_no_room(error: BaseException) -> bool:
    """Whether an error says that a device has no memory left."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _SAID)


def release() -> None:
    """Give back what torch keeps for later, so that other sizes fit."""
    for available, empty in (
        (torch.cuda.is_available(), torch.cuda.empty_cache),
        (torch.backends.mps.is_available(), torch.mps.empty_cache),
    ):
        if available:
            gc.collect()
            empty()


def in_batches(
    run: Callable[[Sequence[_Item]], _Result], items: Sequence[_Item], size: int
) -> Iterator[tuple[Sequence[_Item], _Result]]:
    """Run over items in batches; where a device has no room for one, in halves of it from there on.

    Args:
        run: of a batch.
        items: in order.
        size: of a batch, at least 1.

    Yields:
        A batch, and what was made of it.

    Raises:
        NoRoom: there is not enough for one item.
    """
    begin = 0
    while begin < len(items):
        batch = items[begin : begin + size]
        try:
            result = run(batch)
        except Exception as error:
            if not is_no_room(error):
                raise
            if len(batch) == 1:
                raise NoRoom(_first_line(error)) from error
        else:
            begin += len(batch)
            yield batch, result
            continue
        # Here, where the error no longer holds the tensors of its frames.
        size = len(batch) // 2
        release()


def in_chunks(
    run: Callable[[Sequence[int]], _Result], numbers: Sequence[int], size: int, wanted: AbstractSet[int]
) -> Iterator[tuple[Sequence[int], _Result]]:
    """`in_batches` over numbers, whose chunks are the same whichever of them are wanted.

    Args:
        run, size: as in `in_batches`.
        numbers: in order.
        wanted: a chunk without any of these is left out.
    """
    fits = size
    for begin in range(0, len(numbers), size):
        chunk = numbers[begin : begin + size]
        if wanted.isdisjoint(chunk):
            continue
        longest = 0
        for batch, result in in_batches(run, chunk, fits):
            longest = max(longest, len(batch))
            yield batch, result
        if longest < len(chunk):
            fits = longest


@contextlib.contextmanager
def room_for(what: str, instead: str) -> Iterator[None]:
    """What does not fit into a device's memory becomes a sentence.

    Args:
        what: that was computed, in words.
        instead: what to do.

    Raises:
        NoRoom: as said.
    """
    try:
        yield
    except NoRoom as error:
        raise NoRoom(f"{what} does not fit into memory ({error}): {instead}") from error
    except Exception as error:
        if not is_no_room(error):
            raise
        raise NoRoom(f"{what} does not fit into memory ({_first_line(error)}): {instead}") from error


def _first_line(error: BaseException) -> str:
    # The first sentence says how much; the others advise settings of the allocator.
    return (str(error).strip().splitlines() or [type(error).__name__])[0].split(". ")[0][:200]
