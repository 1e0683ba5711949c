"""Where numba keeps compiled kernels when neither the installation nor the home can be written."""

import os
import sys
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_KEY = "NUMBA_CACHE_DIR"


def _can_be_made(folder: Path) -> bool:
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _own_folder() -> Path:
    """A folder of this user alone, for numba's files are pickles: the same one each time, or a fresh one."""
    folder = Path(tempfile.gettempdir()) / f"hw4-numba-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    private = folder.is_dir() and not folder.is_symlink() and not status.st_mode & 0o077
    return folder if private and status.st_uid == os.getuid() else Path(tempfile.mkdtemp(prefix="hw4-numba-"))


def ensure_numba_cache() -> None:
    """Give numba a folder if it would find none; without one it refuses to define a cached kernel.

    Numba looks into the package, then into the user's cache folder; what the user has set stays.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/")) / ".cache")
    if os.environ.get(_KEY) or any(map(_can_be_made, (_PACKAGE, home))):
        return
    try:
        os.environ[_KEY] = str(_own_folder())
    except OSError:
        # Nothing can be written anywhere: numba says so itself, when a kernel is needed.
        return
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = os.environ[_KEY]
