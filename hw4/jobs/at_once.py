"""`jobs=`: how many samples a job works on at a time."""

from pathlib import Path
from typing import TYPE_CHECKING

from hw4.config.model import ModelConfig
from hw4.config.root import AUTO
from hw4.core.cores import usable_cores
from hw4.core.memory import free_bytes
from hw4.jobs.context import JobContext
from hw4.pose.at_once import ALONE, AtOnce

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel

# Of a process with torch and a small network; and what such a process should have to do.
ROOM = 1.2e9
VIEWS_EACH = 64


def at_once(context: JobContext) -> AtOnce:
    """How samples are worked on.

    By itself (``auto``), a job starts processes only for a small network on a CPU, of which a sample leaves
    other cores idle, and only where there is work and memory for several. A model on a GPU has that to
    itself, a large one takes all cores for a sample, and a thread-safe one works in threads.
    """
    config = context.config
    asked = None if config.jobs == AUTO else int(config.jobs)
    if config.model.thread_safe:
        return AtOnce(asked)
    # Of each sample there are several candidates: processes would be started for each anew.
    if config.input.picks:
        return ALONE
    small = config.model.is_small and not _has_gpu(context)
    if not small and asked in (None, 1):
        return ALONE
    make = make_model, (config.model, context.scratch())
    # More threads gain a small network nothing.
    threads = 1 if small else None
    if asked is not None:
        return AtOnce(asked, config.model.group, threads=threads, make=make)
    free = free_bytes()
    fitting = usable_cores() if free is None else min(usable_cores(), int(free / ROOM))
    return AtOnce(max(1, fitting), config.model.group, VIEWS_EACH, threads, make)


def make_model(config: ModelConfig, scratch: Path | None) -> "ReconstructionModel":
    """In a process of its own: the model, open for its samples.

    Raises:
        UserError: it cannot be built.
    """
    from hw4.models.registry import build_model

    model = build_model(config)
    model.scratch = scratch
    model.open()
    return model


def _has_gpu(context: JobContext) -> bool:
    on_cpu = getattr(context.config.model, "device", "cpu") == "cpu"
    return not on_cpu and bool(context.results.get("provenance", {}).get("gpus"))
