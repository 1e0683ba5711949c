"""What the program wrote itself, read back: whole as it was written, or not at all."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from hw4.core.npz import read_npz
from hw4.core.stored import SealedLog, sealed, unsealed


def test_a_flipped_digit_is_noticed_and_its_line_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = SealedLog(tmp_path / "log.jsonl")
    written = [{"idx": idx, "x": np.array([0.123456789, np.nan, -0.0])} for idx in range(4)]
    for record in written:
        log.append(record)
    kept = {"x": [0.123456789, None, -0.0]}
    assert log.read() == [{"idx": idx, **kept} for idx in range(4)]
    lines = log.path.read_text().splitlines()
    lines[1] = lines[1].replace("0.123", "0.124")
    lines[2] = '{"idx": 2, "x": "of another shape"}'
    log.path.write_text("\n".join([*lines, "[" * 100_000]) + "\n")
    with caplog.at_level(logging.WARNING):
        assert log.read() == [{"idx": 0, **kept}, {"idx": 3, **kept}]
    assert "3 of 5 lines are damaged and computed again" in caplog.text
    caplog.clear()
    log.append(written[1])
    assert [record["idx"] for record in log.read()] == [0, 3, 1] and not caplog.text


def test_only_what_was_sealed_is_opened() -> None:
    record = {"scores": {"psnr": 17.25}, "views": [1, 2], "none": None}
    text = json.dumps(sealed(record))
    assert unsealed(text) == record
    for damaged in (text.replace("17.25", "17.26"), json.dumps(record), "[]", "null", "{", text[:-1]):
        with pytest.raises(ValueError):
            unsealed(damaged)


def test_a_damaged_archive_is_one_error_whatever_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    rng = np.random.default_rng(0)
    arrays = {"points": rng.normal(size=(40, 3)), "words": np.array("a b")}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    whole = path.read_bytes()
    for name, value in read_npz(path).items():
        np.testing.assert_array_equal(value, arrays[name])
    damaged = [b"", b"nonsense", whole[:50], whole[:-30], b"\x93NUMPY\x01\x00"]
    for place in range(0, len(whole), 7):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
    for content in damaged:
        path.write_bytes(content)
        try:
            found = read_npz(path)
        except ValueError:
            continue
        # A byte of the archive's own bookkeeping.
        for name, value in found.items():
            if name in arrays:
                np.testing.assert_array_equal(value, arrays[name])
    path.unlink()
    with pytest.raises(ValueError, match=r"cannot read .* \(No such file or directory\)"):
        read_npz(path)
