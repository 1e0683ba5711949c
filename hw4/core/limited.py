"""Under a limit of address space (``ulimit -v``), what would wait for it for ever is loaded first.

OpenBLAS asks for its buffers again and again where it gets none, within the library's start: neither Ctrl-C
nor SIGTERM ends that.
"""

import importlib
import os
import resource
from pathlib import Path

from hw4.core.errors import UserError

# What brings an OpenBLAS of its own; each takes some 100 to 230 MiB.
LIBRARIES = ("numpy", "scipy.linalg", "cv2", "hw4.core.colmap")
ROOM, ROOM_A_THREAD = 256 * 2**20, 40 * 2**20
_STATM = Path("/proc/self/statm")


def load_while_there_is_room() -> None:
    """Load them, where there is a limit; without one nothing is done.

    Raises:
        UserError: there is too little room for one of them.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY or not _STATM.is_file():
        return
    for name in LIBRARIES:
        taken = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        if limit - taken < ROOM + ROOM_A_THREAD * _threads():
            raise UserError(
                f"there is too little memory here to load {name}: the process may have {limit >> 20} MiB "
                f"(ulimit -v) and has taken {taken >> 20}. Raise the limit, then run the same command again."
            )
        importlib.import_module(name)


def _threads() -> int:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return os.cpu_count() or 1
