"""Where numba keeps compiled kernels when neither the installation nor the home can be written."""

import os
import sys
from pathlib import Path

from hw4.core.own_folder import own_folder

_PACKAGE = Path(__file__).resolve().parents[1]
_KEY = "NUMBA_CACHE_DIR"


def _can_be_made(folder: Path) -> bool:
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def ensure_numba_cache() -> None:
    """Give numba a folder if it would find none; without one it refuses to define a cached kernel.

    Numba looks into the package, then into the user's cache folder; what the user has set stays.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/")) / ".cache")
    if os.environ.get(_KEY) or any(map(_can_be_made, (_PACKAGE, home))):
        return
    try:
        # Numba's files are pickles: nobody else may write there.
        os.environ[_KEY] = str(own_folder("hw4-numba"))
    except OSError:
        # Nothing can be written anywhere: numba says so itself, when a kernel is needed.
        return
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = os.environ[_KEY]
