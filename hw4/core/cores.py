"""How many cores this process may use."""

import os

from hw4.core.errors import UserError

# Of processes that share a machine: how many cores each may use.
CORES = "HW4_CORES"


def usable_cores() -> int:
    """Cores that the system lets this process run on, all of the machine where it does not tell.

    Where `CORES` is set there are no more than it says.

    Raises:
        UserError: the variable holds something else than a number.
    """
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get(CORES)
    if not limit:
        return found
    if not limit.isdecimal() or int(limit) < 1:
        raise UserError(f"{CORES}={limit} must be a number of cores, 1 or more.")
    return min(found, int(limit))


def share_of_cores(count: int) -> int:
    """Cores for each of `count` that work side by side, 1 at least.

    Raises:
        UserError: as `usable_cores`.
    """
    return max(1, usable_cores() // count)
