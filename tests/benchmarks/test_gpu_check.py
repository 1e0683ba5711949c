"""The check of a GPU, as far as a machine without one can try it."""

import json
import time
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_check, measure, table
from benchmarks.gpu_check import LIMIT_S, NO_GPU, Failed, all_parts, main, run_part
from benchmarks.gpu_check import tests as run_tests
from benchmarks.measure import Record, begin, load_record


def test_without_a_gpu_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([]) == 1
    assert capsys.readouterr().out == f"{NO_GPU}\n"
    with pytest.raises(SystemExit):
        main(["--device", "cpu"])
    assert "say with --out" in capsys.readouterr().err


def test_what_fails_is_written_down_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Record) -> str:
        raise RuntimeError("CUDA error: an illegal memory access\nand much more")

    def wrong(_: Record) -> str:
        raise Failed("2 failed")

    def fine(record: Record) -> str:
        record.fact("a fact")
        return "as it should be"

    monkeypatch.setattr(gpu_check, "all_parts", lambda *_: {"one": broken, "two": wrong, "three": fine})
    out = tmp_path / "results" / "gpu.json"
    assert main(["--device", "cpu", "--out", str(out)]) == 1
    assert "1 of 3 parts went well" in capsys.readouterr().out
    record = load_record(out)
    assert {name: (part["ok"], part["outcome"]) for name, part in record.parts.items()} == {
        "one": (False, "RuntimeError: CUDA error: an illegal memory access"),
        "two": (False, "2 failed"),
        "three": (True, "as it should be"),
    }
    run_part(record, "late", broken, time.monotonic() - LIMIT_S - 1)
    assert record.parts["late"]["outcome"] == "left out, out of time"
    monkeypatch.setattr(measure, "RESULTS", out.parent)
    monkeypatch.setattr(table, "RESULTS", out.parent)
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    table.main()
    shown = (tmp_path / "README.md").read_text()
    assert "- two: 2 failed (" in shown and "- a fact" in shown


@pytest.mark.slow
def test_pytests_summary_is_kept_with_the_names_of_what_failed(tmp_path: Path) -> None:
    path = tmp_path / "test_some.py"
    good = "import os\n\ndef test_good():\n    assert os.environ['CUDA_VISIBLE_DEVICES'] == ''\n"
    path.write_text(f"{good}\ndef test_bad():\n    assert False\n")
    with pytest.raises(Failed, match="1 passed, 1 failed, 0 skipped: .*test_some::test_bad"):
        run_tests(begin("gpu", True), [str(path)], False, "", 60)


@pytest.mark.slow
def test_every_part_that_measures_runs_on_a_cpu_at_sizes_that_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be wrong with the program itself shows here; what is wrong on a GPU, only there."""
    parts = all_parts(torch.device("cpu"), True)
    measuring = {name: part for name, part in parts.items() if not name.startswith(("tests", "doctor"))}
    monkeypatch.setattr(gpu_check, "all_parts", lambda *_: measuring)
    out = tmp_path / "gpu.json"
    main(["--device", "cpu", "--out", str(out)])
    found = json.loads(out.read_text())["parts"]
    assert {name for name, part in found.items() if not part["ok"]} == {"gsplat built"}
    record = load_record(out)
    assert len(record.ratios) == 6 and all(ratio.ours_s > 0 and ratio.peer_s > 0 for ratio in record.ratios)
    # The same device twice: the comparison itself is right.
    assert "image 0e+00 apart" in record.ratios[0].parity
    assert sum("at most 0.0000° from the CPU's" in fact for fact in record.facts) == 2
