"""Archives of arrays, which may have been damaged."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.regular import regular


def read_npz(path: Path) -> dict[str, Any]:
    """Every array of an ``.npz`` without pickles; each has a checksum in the archive.

    Raises:
        ValueError: there is no such file, or it is damaged.
    """
    try:
        with np.load(regular(path), allow_pickle=False) as file:
            return dict(file)
    # A damaged header or stream raises whatever its bytes happen to ask for.
    except (OSError, EOFError, KeyError, TypeError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    except (zipfile.BadZipFile, zlib.error, SyntaxError, OverflowError) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
