"""Durable writes: nothing half-written, nothing lost."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw4.core import durable
from hw4.core.durable import JsonlLog, exclusive, jsonable, parse_json, write_bytes, write_json
from hw4.core.errors import UserError


def test_log_survives_a_line_cut_short(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "log.jsonl")
    log.append({"idx": 0, "x": np.float64(0.1)})
    log.append({"idx": 1, "x": np.array([1.0, np.nan])})
    with log.path.open("ab") as file:
        file.write(b'{"idx": 2, "x": [1.0,')
    assert log.read() == [{"idx": 0, "x": 0.1}, {"idx": 1, "x": [1.0, None]}]
    log.append({"idx": 3})
    assert [r["idx"] for r in log.read()] == [0, 1, 3]


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"idx": 0}\nnonsense\n{"idx": 1}\n')
    with pytest.raises(UserError, match="line 2"):
        JsonlLog(tmp_path / "log.jsonl").read()


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(UserError, match=r"No space left on device.*Free some space"):
        write_json(path, {"a": 2})
    with pytest.raises(UserError, match="No space left"):
        JsonlLog(tmp_path / "log.jsonl").append({"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_lines_that_may_wait_are_there_with_the_next_that_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "MOST_WAITING", 3)
    log = JsonlLog(tmp_path / "log.jsonl")
    log.sync()
    log.append({"idx": 0}, sync=False)
    assert not log.path.exists()
    log.append({"idx": 1})
    assert [r["idx"] for r in log.read()] == [0, 1]
    for idx in (2, 3, 4, 5):
        log.append({"idx": idx}, sync=False)
    assert [r["idx"] for r in log.read()] == [0, 1, 2, 3, 4]
    log.sync()
    assert [r["idx"] for r in log.read()] == [0, 1, 2, 3, 4, 5]


def test_lines_that_were_written_by_half_do_not_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonlLog(tmp_path / "log.jsonl")
    log.append({"idx": 0}, sync=False)

    def half(path: Path, mode: str) -> None:
        with open(path, mode) as file:  # noqa: PTH123
            file.write(b'{"idx": 0}\n{"id')
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "open", half)
        with pytest.raises(UserError, match="No space left"):
            log.append({"idx": 1})
    log.sync()
    assert [r["idx"] for r in log.read()] == [0]
    log.append({"idx": 1})
    assert [r["idx"] for r in log.read()] == [0, 1]


def test_deep_values_of_a_json_file_stand_in_one_line(tmp_path: Path) -> None:
    value = {
        "pose": {
            "n": np.int64(2),
            "samples": [{"idx": 0, "Ks": np.eye(2)}, {"idx": 1, "Ks": None}],
            "no": [],
        },
        'a "name"': "é",
        "inf": [np.float32(np.inf), True],
    }
    write_json(tmp_path / "a.json", value)
    assert (tmp_path / "a.json").read_text().splitlines() == [
        "{",
        '  "pose": {',
        '    "n": 2,',
        '    "samples": [',
        '      {"idx": 0, "Ks": [[1.0, 0.0], [0.0, 1.0]]},',
        '      {"idx": 1, "Ks": null}',
        "    ],",
        '    "no": []',
        "  },",
        '  "a \\"name\\"": "\\u00e9",',
        '  "inf": [',
        "    null,",
        "    true",
        "  ]",
        "}",
    ]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.bool_, np.float16])
def test_arrays_are_plain_and_without_what_json_has_not(dtype: type) -> None:
    whole = np.array([[0, 1], [1, 1]], dtype)
    assert json.dumps(jsonable({"a": whole})) == json.dumps({"a": whole.tolist()})
    assert jsonable(whole[:0]) == [] and jsonable(whole[0, 1]) == 1
    if np.issubdtype(dtype, np.floating):
        broken = whole.copy()
        broken[0] = np.nan, -np.inf
        assert jsonable(broken) == [[None, None], [1, 1]] and jsonable(broken[0, 0]) is None


FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers() | FINITE | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_an_indented_file_says_what_json_says(value: Any) -> None:
    assert json.loads(durable._indented(value, "  ", durable.INDENTED)) == value


def test_floats_come_back_exactly(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=100) * 1e-7
    log = JsonlLog(tmp_path / "log.jsonl")
    log.append({"x": values})
    assert log.read()[0]["x"] == values.tolist()


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*: (Not a directory|File exists)\.") as caught:
        write_bytes(tmp_path / "file" / "below", b"")
    # Space would not help, and the writer does not know which key named the folder.
    assert "space" not in str(caught.value) and "hydra" not in str(caught.value)


def test_unreadable_log_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(UserError, match=r"cannot read .*log\.jsonl: Is a directory; .*delete it"):
        JsonlLog(tmp_path / "log.jsonl").read()


HOLD = "import sys, time; from pathlib import Path; from hw4.core.durable import exclusive\n{}"


def hold(folder: Path, what: str) -> subprocess.Popen[str]:
    """Another process that holds the folder, says so, and then does something."""
    code = HOLD.format(f"with exclusive(Path({str(folder)!r})):\n    print('held', flush=True); {what}")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_second_process_waits_for_the_folder(tmp_path: Path) -> None:
    other = hold(tmp_path, f"time.sleep(0.5); Path({str(tmp_path / 'done')!r}).touch()")
    with exclusive(tmp_path):
        assert (tmp_path / "done").exists()
    assert other.wait() == 0


def test_who_waits_for_a_folder_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(durable, "PATIENCE", 0.05)
    leave = threading.Event()

    def hold() -> None:
        with exclusive(tmp_path):
            held.set()
            leave.wait(10)

    held, other = threading.Event(), threading.Thread(target=hold)
    other.start()
    assert held.wait(10)
    threading.Timer(0.5, leave.set).start()
    with exclusive(tmp_path):
        assert f"works in {tmp_path}: waiting for it" in caplog.text
        assert f"process {os.getpid()} on " in caplog.text
    other.join()


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    other = hold(tmp_path, "time.sleep(600)")
    other.kill()
    other.wait()
    with exclusive(tmp_path):
        pass


def test_an_error_lets_the_folder_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError), exclusive(tmp_path):
        raise ValueError
    with exclusive(tmp_path / "new" / "folder"):
        assert (tmp_path / "new" / "folder").is_dir()


def test_a_folder_that_cannot_be_locked_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match=r"cannot write .*file/below: .*Let that folder"),
        exclusive(tmp_path / "file" / "below"),
    ):
        pass

    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    with (
        pytest.raises(UserError, match=r"cannot lock .*knows no locks.*another disk\.$"),
        exclusive(tmp_path),
    ):
        pass
    assert not list(tmp_path.glob(".lock*.*")), "no lock by a file's mere existence"


def test_json_that_is_nested_too_deeply_is_no_json() -> None:
    deep = 200_000
    for content in ("[" * deep + "]" * deep, '{"a":' * deep + "1" + "}" * deep):
        with pytest.raises(ValueError, match="too deeply"):
            parse_json(content)


def test_a_folder_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = JsonlLog(tmp_path / "log.jsonl")
    log.append({"idx": 0})
    with log.path.open("ab") as file:
        file.write(b'{"idx": 1')

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(durable, "locked", refused)
    monkeypatch.setattr(JsonlLog, "append", refused)
    whole = Path.open
    monkeypatch.setattr(
        Path, "open", lambda p, mode="r", *a, **k: refused() if "+" in mode else whole(p, mode, *a, **k)
    )
    with exclusive(tmp_path):
        assert log.read() == [{"idx": 0}]
    with pytest.raises(UserError, match="Read-only"), exclusive(tmp_path / "new"):
        pass
