"""How OpenMP's threads wait for work: asleep, unless the caller says otherwise.

Without a slow import: OpenMP reads its settings once, when torch or scipy bring it in.
"""

import os

WAIT_POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Let waiting threads sleep; a value that the caller has set stays.

    By default they spin for a while, and take the cores of the rasterizer's threads and of other processes.
    Processes that this one starts inherit it.
    """
    os.environ.setdefault(WAIT_POLICY, "PASSIVE")
