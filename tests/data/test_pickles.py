"""Pickled dicts: what numpy writes of plain data comes back, and no file reaches numpy's memory."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hw4.core.errors import UserError
from hw4.data.pickles import load_npy_dict

HEADER = {"descr": "|O", "fortran_order": False, "shape": ()}
KINDS = ("?", "i1", "u1", "<i2", ">i4", "<i8", "<u8", "<f2", "<f4", ">f8", "S5", "<U7", ">U3")


def npy_of(pickled: bytes) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, HEADER)  # type: ignore[arg-type]
    return stream.getvalue() + pickled


def written(tmp_path: Path, pickled: bytes) -> Path:
    path = tmp_path / "file.npy"
    path.write_bytes(npy_of(pickled))
    return path


class Calls:
    """Pickles as a call of a global name with these arguments, then a state for its result."""

    def __init__(self, name: str, *arguments: Any, state: Any = None) -> None:
        self.name, self.arguments, self.state = name, arguments, state

    def __reduce__(self) -> Any:
        found: Any = np
        for part in self.name.split(".")[1:]:
            found = getattr(found, part)
        return found, self.arguments, self.state


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(
            a.shape == b.shape and a.dtype.kind == b.dtype.kind and a.tobytes() == b.astype(a.dtype).tobytes()
        )
    return type(a) is type(b) and (a == b or (a != a and b != b))


@given(
    st.dictionaries(
        st.text(max_size=4) | st.integers(-(10**20), 10**20),
        st.sampled_from(KINDS).flatmap(
            lambda kind: npst.arrays(kind, npst.array_shapes(min_dims=0, min_side=0, max_dims=3))
        )
        | st.floats(allow_nan=False)
        | st.binary(max_size=5)
        | st.text(max_size=5)
        | st.booleans()
        | st.none(),
        max_size=4,
    ),
    st.integers(0, 5),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_what_numpy_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, value: dict, protocol: int, bare: bool
) -> None:
    value = {
        k: np.asfortranarray(v) if isinstance(v, np.ndarray) and v.ndim == 2 else v for k, v in value.items()
    }
    held = value if bare else np.array(value, dtype=object)
    read = load_npy_dict(written(tmp_path_factory.mktemp("npy"), pickle.dumps(held, protocol)))
    assert list(read) == list(value) and all(same(read[k], v) for k, v in value.items())


def test_numpys_own_file_with_scalars_and_nesting(tmp_path: Path) -> None:
    value = {3: {"img1": {"qx": np.float32(0.5), "n": np.int64(4)}, "list": [1, (2.5, "x")], "K": np.eye(3)}}
    np.save(tmp_path / "gt.npy", value, allow_pickle=True)  # type: ignore[arg-type]
    read = load_npy_dict(tmp_path / "gt.npy")
    assert read[3]["img1"] == {"qx": 0.5, "n": 4} and read[3]["list"] == [1, (2.5, "x")]
    np.testing.assert_array_equal(read[3]["K"], np.eye(3))


def forged_object_array() -> bytes:
    """An 8-byte array whose type says `objects, without reference counting`: its bytes would be a pointer."""
    dtype = Calls("numpy.dtype", "O8", False, True, state=(3, "|", None, None, None, -1, -1, 0))
    state = (1, (1,), dtype, False, b"\x41" * 8)
    array = Calls("numpy.core.multiarray._reconstruct", np.ndarray, (0,), b"b", state=state)
    return pickle.dumps({"0": array}, 4)


def forged_flags() -> bytes:
    dtype = Calls("numpy.dtype", "V8", False, True, state=(3, "|", None, None, None, 8, 1, 63))
    return pickle.dumps({"0": Calls("numpy.core.multiarray.scalar", dtype, b"\x41" * 8)}, 4)


def fields_of_objects() -> bytes:
    dtype = Calls(
        "numpy.dtype", "f8", False, True, state=(3, "<", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
    )
    return pickle.dumps({"0": Calls("numpy.core.multiarray.scalar", dtype, b"\x41" * 8)}, 4)


def cut_bytes() -> bytes:
    state = (1, (2**30,), Calls("numpy.dtype", "f8"), False, b"\0" * 8)
    return pickle.dumps(
        {"0": Calls("numpy.core.multiarray._reconstruct", np.ndarray, (0,), b"b", state=state)}, 4
    )


def itself() -> bytes:
    value: dict[str, Any] = {}
    value["0"] = [value]
    return pickle.dumps(value, 4)


def a_function_with_a_state() -> bytes:
    # numpy.dtype, then BUILD with attributes for it.
    return b"cnumpy\ndtype\n}(X\x04\x00\x00\x00evilK\x01ub."


@pytest.mark.parametrize(
    "make",
    [
        forged_object_array,
        forged_flags,
        fields_of_objects,
        cut_bytes,
        itself,
        a_function_with_a_state,
        lambda: pickle.dumps({"0": np.array([1, None], dtype=object)[:1].view(np.ndarray)}, 2)[:-3],
        lambda: pickle.dumps({"0": np.datetime64("2020-01-01")}, 4),
        lambda: pickle.dumps({"0": np.zeros(2, [("a", "f8")])}, 4),
        lambda: pickle.dumps({"0": 1j}, 4),
        lambda: pickle.dumps(np.array([{}, {}], dtype=object), 4),
        lambda: b"\x80\x04" + b"(" * 100_000 + b".",
    ],
)
def test_what_is_no_plain_data_is_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(UserError, match=r"file\.npy (was refused|holds a list)") as raised:
        load_npy_dict(written(tmp_path, make()))
    assert "\n" not in str(raised.value)


def test_doubling_references_cost_nothing(tmp_path: Path) -> None:
    value: list[Any] = [0]
    for _ in range(40):
        value = [value, value]
    read = load_npy_dict(written(tmp_path, pickle.dumps({"0": value}, 4)))
    assert read["0"][0] is read["0"][1]


@pytest.mark.parametrize("descr", ["(" * 5000, "[" * 90 + "]" * 90, "{'a'", "'O', 'O'"])
def test_a_header_that_is_no_header_is_one_sentence(tmp_path: Path, descr: str) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': ()}}".encode()
    path = tmp_path / "file.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(UserError, match=r"is not a \.npy file") as raised:
        load_npy_dict(path)
    assert "\n" not in str(raised.value)
