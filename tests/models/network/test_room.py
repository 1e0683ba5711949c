"""A device without memory: smaller batches, and then a sentence."""

from collections.abc import Sequence

import pytest
import torch

from hw4.models.base import NoRoom
from hw4.models.network.room import in_batches, is_no_room, room_for

CUDA = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of ...")
MPS = RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, max allowed: 18.1 GB).")
CPU = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"
)


@pytest.mark.parametrize("error", [CUDA, MPS, CPU, MemoryError()])
def test_what_devices_say_when_they_are_full(error: Exception) -> None:
    assert is_no_room(error)
    with (
        pytest.raises(NoRoom, match=r"^It does not fit into memory [(].+[)]: do less$"),
        room_for("It", "do less"),
    ):
        raise error


def test_other_errors_are_others() -> None:
    error = RuntimeError("shapes do not match")
    assert not is_no_room(error) and not is_no_room(ValueError("out of memory"))
    with pytest.raises(RuntimeError, match="shapes"), room_for("It", "do less"):
        raise error
    with pytest.raises(RuntimeError, match="shapes"):
        list(in_batches(lambda _: (_ for _ in ()).throw(error), [1, 2], 2))


@pytest.mark.parametrize(("fits", "sizes"), [(8, [5]), (3, [2, 2, 1]), (1, [1, 1, 1, 1, 1])])
def test_batches_are_halved_until_they_fit(fits: int, sizes: list[int]) -> None:
    def run(batch: Sequence[int]) -> int:
        if len(batch) > fits:
            raise CUDA
        return sum(batch)

    items = [3, 1, 4, 1, 5]
    found = list(in_batches(run, items, 5))
    assert [len(batch) for batch, _ in found] == sizes
    assert [item for batch, _ in found for item in batch] == items
    assert sum(result for _, result in found) == sum(items)


def test_what_does_not_fit_alone_is_said() -> None:
    def full(_: Sequence[int]) -> None:
        raise CUDA

    with pytest.raises(NoRoom, match=r"^CUDA out of memory$"):
        list(in_batches(full, [1, 2], 2))
