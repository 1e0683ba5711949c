"""Arrays and archives of them, which may have been damaged."""

import contextlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.errors import brief
from hw4.core.regular import regular


def read_npz(path: Path) -> dict[str, Any]:
    """Every array of an ``.npz`` without pickles; each has a checksum in the archive.

    Raises:
        ValueError: there is no such file, or it is damaged.
    """
    found = _loaded(path, lambda file: dict(file) if isinstance(file, np.lib.npyio.NpzFile) else None)
    if found is None:
        raise ValueError(f"cannot read {path} (it is no archive of arrays)")
    return found


def read_npy(path: Path) -> np.ndarray:
    """The array of an ``.npy`` without pickles.

    Raises:
        ValueError: there is no such file, or it is damaged.
    """
    found = _loaded(path, lambda file: file if isinstance(file, np.ndarray) else None)
    if found is None:
        raise ValueError(f"cannot read {path} (it is an archive of arrays, not one array)")
    return found


def _loaded(path: Path, take: Callable[[Any], Any]) -> Any:
    try:
        with contextlib.ExitStack() as held:
            file = np.load(regular(path), allow_pickle=False)
            if isinstance(file, np.lib.npyio.NpzFile):
                held.enter_context(file)
            return take(file)
    # A damaged header or stream raises whatever its bytes happen to ask for.
    except Exception as error:
        # numpy's own words advise to unpickle it.
        reason = "it holds Python objects" if "allow_pickle" in str(error) else brief(error)
        raise ValueError(f"cannot read {path} ({reason})") from error


def check_archive(path: Path) -> None:
    """Compare each part of a zip archive, as torch's checkpoints are, with its checksum; torch does not.

    Raises:
        ValueError: it is none, or a part is not what was written.
    """
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            bad = archive.testzip()
    except Exception as error:
        raise ValueError(f"cannot read {path} ({brief(error)})") from error
    if bad is not None:
        raise ValueError(f"cannot read {path} ({bad} is not what was written)")
