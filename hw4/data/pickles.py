"""Read ``.npy`` and ``.npz`` files of pickled objects, without letting them run code or choose memory.

A pickle is a program of calls. Here every call that numpy's own pickles make (`dtype`, `_reconstruct`,
`scalar`) ends in a stand-in of this module; numpy itself only ever sees a type from a short list and bytes
of the right length. Its own functions must not be given to a pickle: `dtype.__setstate__` believes any
flags that it is told, and then takes bytes of the file for pointers.
"""

import io
import math
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.errors import UserError, brief
from hw4.core.regular import regular

# Booleans, integers, floats, bytes and text; no objects, records, dates or complex numbers.
PLAIN_DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|[SU]\d{1,6})")
OBJECT_DTYPE = re.compile(r"\|?O8?")
# Subarray, names and fields of a plain type in what `dtype.__reduce__` gives.
NO_FIELDS = (None, None, None)


class _Refused(pickle.UnpicklingError):
    pass


class _Dtype:
    """Stands for a `numpy.dtype`; `text` is its type string, ``O`` for a list of Python values."""

    __slots__ = ("order", "text")

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str) or not (PLAIN_DTYPE.fullmatch(text) or OBJECT_DTYPE.fullmatch(text)):
            raise _Refused(f"it holds an array of type {text!r}, which plain data never needs")
        self.text, self.order = text.lstrip("<>=|"), text[0] if text[0] in "<>" else "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "=", "|"):
            raise _Refused("it holds an array type with a state of its own")
        # What follows (width, alignment, flags) is said by the type string, or is not for a file to say.
        if state[2:5] != NO_FIELDS:
            raise _Refused("it holds an array type with fields, which plain data never needs")
        self.order = state[1]

    @property
    def is_object(self) -> bool:
        return self.text.startswith("O")

    def real(self) -> np.dtype:
        if self.is_object:
            raise _Refused("it holds Python objects where numbers belong")
        order = "=" if self.order == "|" else self.order
        return np.dtype(order + self.text)


class _Array:
    """Stands for a `numpy.ndarray` between its making and the state that fills it."""

    __slots__ = ("content", "filled", "shape")

    def __init__(self) -> None:
        self.filled = False
        self.shape: tuple[int, ...] = ()
        self.content: Any = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Dtype):
            raise _Refused("it holds an array whose parts do not fit")
        _, shape, dtype, is_fortran, content = state
        self.shape = _checked_shape(shape)
        if not dtype.is_object:
            self.content = _array(content, dtype, self.shape, "F" if is_fortran else "C")
        elif isinstance(content, list) and len(content) == math.prod(self.shape):
            self.content = content
        else:
            raise _Refused("it holds an array whose parts do not fit")
        self.filled = True


def _checked_shape(shape: Any) -> tuple[int, ...]:
    good = isinstance(shape, tuple) and len(shape) <= 32
    if not good or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise _Refused("it holds an array of an impossible shape")
    return shape


def _array(content: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    real = dtype.real()
    # Byte strings of protocols 0 to 2 come as Latin-1 text.
    raw = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(raw, bytes | bytearray) or len(raw) != math.prod(shape) * real.itemsize:
        raise _Refused("it holds an array whose bytes do not fit its shape")
    if not real.itemsize:
        return np.zeros(shape, real)
    flat = np.frombuffer(bytes(raw), real)
    return flat.reshape(shape, order="F" if order == "F" else "C").astype(real.newbyteorder("="))


def _make_dtype(text: Any, *_: Any) -> _Dtype:
    return _Dtype(text)


def _reconstruct(kind: Any, *_: Any) -> _Array:
    if kind is not _NDARRAY:
        raise _Refused("it rebuilds something that is no array")
    return _Array()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise _Refused("it holds an array without a type")
    return _array(content, dtype, _checked_shape(shape), order)


def _scalar(dtype: Any, content: Any = b"") -> Any:
    if not isinstance(dtype, _Dtype):
        raise _Refused("it holds a number without a type")
    return _array(content, dtype, (), "C")[()]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused("it encodes something else than bytes")
    return text.encode("latin1")


class _Call:
    """What a pickle gets for a global name: callable, and without a state that it could set."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise _Refused("it changes a function")

    def __setstate__(self, state: Any) -> None:
        raise _Refused("it changes a function")


def _no_bytes(*arguments: Any) -> bytes:
    # How protocols 0 to 2 write empty bytes; with arguments it would make as many as it likes.
    if arguments:
        raise _Refused("it makes bytes from something else")
    return b""


def _no_array(*_: Any) -> None:
    raise _Refused("it makes an array without its state")


_NDARRAY = _Call(_no_array)
_MULTIARRAY = {"_reconstruct": _Call(_reconstruct), "scalar": _Call(_scalar)}
_NUMERIC = {"_frombuffer": _Call(_from_buffer)}
# numpy 1 and 2 call their modules differently.
GLOBALS: dict[str, dict[str, _Call]] = {
    "numpy.core.multiarray": _MULTIARRAY,
    "numpy._core.multiarray": _MULTIARRAY,
    "numpy.core.numeric": _NUMERIC,
    "numpy._core.numeric": _NUMERIC,
    "numpy": {"ndarray": _NDARRAY, "dtype": _Call(_make_dtype)},
    "_codecs": {"encode": _Call(_encode)},
    "__builtin__": {"bytes": _Call(_no_bytes)},
}


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return GLOBALS[module][name]
        except KeyError:
            raise _Refused(f"it refers to {module}.{name}, which plain data never needs") from None


def _finished(value: Any, known: dict[int, Any], depth: int = 0) -> Any:
    """Plain data with arrays in the places of their stand-ins; what is referred to twice is built once."""
    if isinstance(value, str | bytes | bool | int | float | np.ndarray | np.generic) or value is None:
        return value
    if depth > 50:
        raise _Refused("it is nested deeper than data is")
    if id(value) in known:
        built = known[id(value)]
        if built is known:
            raise _Refused("it holds itself")
        return built
    known[id(value)] = known
    if isinstance(value, dict):
        built = {_finished(k, known, depth + 1): _finished(v, known, depth + 1) for k, v in value.items()}
    elif isinstance(value, list | tuple):
        built = [_finished(item, known, depth + 1) for item in value]
        built = tuple(built) if isinstance(value, tuple) else built
    elif isinstance(value, _Array) and value.filled:
        built = value.content
        if isinstance(built, list):
            items = [_finished(item, known, depth + 1) for item in built]
            built = items[0] if value.shape == () else items
    else:
        raise _Refused(f"it holds a {type(value).__name__.lstrip('_').lower()}, which plain data never needs")
    known[id(value)] = built
    return built


def load_npy_dict(path: Path) -> dict[Any, Any]:
    """The dict in a ``.npy`` file written by ``np.save(path, {...})``.

    The pickle inside may hold dicts, lists, strings, numbers and numpy arrays of them; anything else is
    refused before it is looked up: a hostile file can neither run code nor have numpy follow its pointers.

    Raises:
        UserError: no such file, not a ``.npy`` of one dict, or a pickle that holds more than data.
    """
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path.") from error
    value = _objects(content, path)
    if not isinstance(value, dict):
        raise UserError(f"{path} holds a {type(value).__name__}; a dict saved with np.save is expected.")
    return value


def load_npz_objects(path: Path) -> dict[str, Any]:
    """Every array of an ``.npz``, those of Python objects under the same restrictions as in `load_npy_dict`.

    Arrays of objects come as lists of their items, in the arrays' order; one of more axes as a list of lists.

    Raises:
        UserError: no such file, a damaged one, or a pickle that holds more than data.
    """
    found: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
        for name, content in members.items():
            shape, dtype = _header(io.BytesIO(content))
            if dtype.hasobject:
                found[name] = _shaped(_objects(content, path), shape)
            else:
                found[name] = np.load(io.BytesIO(content), allow_pickle=False)
    except UserError:
        raise
    except Exception as error:
        # Damaged bytes raise whatever they happen to ask for.
        raise UserError(f"cannot read {path} ({brief(error)}).") from error
    return found


def _shaped(items: Any, shape: tuple[int, ...]) -> Any:
    if len(shape) < 2 or not isinstance(items, list):
        return items
    if math.prod(shape) != len(items):
        raise ValueError(f"an array of {shape} holds {len(items)} items")
    step = len(items) // max(shape[0], 1)
    return [_shaped(items[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and kind of what follows in a stream that is then at the content."""
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(stream)
    return shape, dtype


def _objects(content: bytes, path: Path) -> Any:
    """What the pickle in the bytes of a ``.npy`` holds."""
    stream = io.BytesIO(content)
    try:
        _, dtype = _header(stream)
    # numpy evaluates the header as a Python literal: a nested one ends in RecursionError or MemoryError.
    except Exception as error:
        raise UserError(f"{path} is not a .npy file ({brief(error)}); save a dict with np.save.") from error
    if not dtype.hasobject:
        raise UserError(f"{path} holds a plain array of {dtype}; a dict saved with np.save is expected.")
    try:
        return _finished(_RestrictedUnpickler(stream, encoding="latin1").load(), {})
    except Exception as error:
        raise UserError(
            f"{path} was refused: {brief(error)}. A ground-truth or predictions file may hold only dicts, "
            "strings, numbers and numpy arrays; write it again as such, or as .json."
        ) from error
