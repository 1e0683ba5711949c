"""The rasterizer's kernels as numba keeps them: compiled anew when any file of this folder has changed."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit


@cache
def _digest() -> bytes:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).digest()


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit(cache=True, **options)`` for functions that use constants and functions of other files.

    numba asks only whether the function's own file is as it was: a kernel would go on with another file's old
    tile size.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = njit(cache=True, **options)(function)
        # numba has no public name for it. Without a cache there is no file, and nothing can be stale; with a
        # numba that calls it otherwise, only who edits these files has to empty __pycache__.
        index = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        stamp = getattr(index, "_source_stamp", None)
        if index is not None and stamp is not None:
            index._source_stamp = (stamp, _digest())
        return dispatcher

    return compiled
