"""A cache that may only grow so far (`cache.max_gb`)."""

from pathlib import Path

from hw4.config.stages import PRETRAIN
from hw4.core.cache import limit
from hw4.core.scale import in_units
from hw4.jobs.context import JobContext

# Trained weights are named by later command lines.
SPARED = (PRETRAIN,)


def keep_within(context: JobContext) -> None:
    """Remove the least recently used results of the cache, where it has grown larger than it may be."""
    cache = context.config.cache
    if cache.max_gb is None:
        return
    try:
        removed = limit(Path(cache.root), cache.max_gb * 1e9, SPARED)
    except OSError as error:
        context.warn(f"cache.max_gb={cache.max_gb:g} is not kept: {error.filename}: {error.strerror}.")
        return
    if removed:
        size = in_units(sum(entry.n_bytes for entry in removed))
        what = "1 folder" if len(removed) == 1 else f"{len(removed)} folders"
        context.console.print(
            f"cache: {what} of results ({size}) removed, the least recently used (cache.max_gb)",
            highlight=False,
        )
