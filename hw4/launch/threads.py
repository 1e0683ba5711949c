"""Settings of the libraries' own threads, where the caller has none.

Without a slow import: OpenMP and OpenBLAS read them once, when torch or numpy bring them in.
"""

import os

WAIT_POLICY, BLAS_THREADS = "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS"


def settle_threads() -> None:
    """Waiting OpenMP threads sleep, and a product of numpy's takes one thread; the caller's values stay.

    By default both spin for a while after their work, and take the cores of the rasterizer's threads, of
    samples that are worked on beside, and of other processes. Processes that this one starts inherit it.
    """
    os.environ.setdefault(WAIT_POLICY, "PASSIVE")
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault(BLAS_THREADS, "1")
