"""Read ``.npy`` files that hold a pickled dict, without letting the file run code."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.errors import UserError

# What numpy itself emits for dicts of numbers, strings and arrays; nothing here runs code from the file.
ALLOWED_GLOBALS = {
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which plain data never needs")
        return super().find_class(module, name)


def load_npy_dict(path: Path) -> dict[Any, Any]:
    """The dict in a ``.npy`` file written by ``np.save(path, {...})``.

    The pickle inside may hold dicts, lists, strings, numbers and numpy arrays; anything else is refused
    before it is looked up, so that a hostile file cannot run code.

    Raises:
        UserError: no such file, not a ``.npy`` of one dict, or a pickle that holds more than data.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path.") from error
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        _, _, dtype = read_header(stream)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} is not a .npy file ({error}); save a dict with np.save.") from error
    if not dtype.hasobject:
        raise UserError(f"{path} holds a plain array of {dtype}; a dict saved with np.save is expected.")
    try:
        value = _RestrictedUnpickler(stream, encoding="latin1").load()
    except Exception as error:
        raise UserError(
            f"{path} was refused: {error}. A ground-truth or predictions file may hold only dicts, strings, "
            "numbers and numpy arrays; write it again as such, or as .json."
        ) from error
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value.item()
    if not isinstance(value, dict):
        raise UserError(f"{path} holds a {type(value).__name__}; a dict saved with np.save is expected.")
    return value
