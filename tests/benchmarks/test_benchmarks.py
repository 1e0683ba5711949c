"""What the benchmarks' table is made of: fits, ratios, records. The timings themselves are nobody's test."""

import json
from pathlib import Path

import pytest

from benchmarks import measure, table
from benchmarks.measure import Ratio, Record, Scaling, load_record, seconds, start


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law(power: float) -> None:
    sizes = [10.0, 40.0, 90.0]
    assert Scaling("it", "pixels", sizes, [3e-3 * x**power for x in sizes]).exponent == pytest.approx(power)


def test_a_ratio_is_the_peers_time_over_ours() -> None:
    assert Ratio("it", "one", "peer", ours_s=0.5, peer_s=2.0).ratio == 4


@pytest.mark.parametrize(
    ("value", "text"), [(12.345, "12.3 s"), (1.0, "1 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 µs")]
)
def test_times_have_a_unit_that_suits(value: float, text: str) -> None:
    assert seconds(value) == text


def record(quick: bool = False) -> Record:
    made = start("made-up", "a benchmark", ["--quick"] if quick else [])
    made.add(Ratio("it", "10 views", "upstream", 0.5, 2.0, "nothing apart", 3.0))
    made.scaling(Scaling("it", "views", [1.0, 2.0, 4.0], [1.0, 2.0, 4.0]))
    made.fact("a fact")
    return made


def test_the_table_holds_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    record(quick=True).save()
    assert not (tmp_path / "results").exists(), "a quick run leaves no record"
    with pytest.raises(SystemExit, match="make bench-table"):
        table.main()
    made = record()
    made.save()
    printed = capsys.readouterr().out
    assert "4.00x upstream (goal 3)" in printed and "grows as views^1.00" in printed
    assert load_record(tmp_path / "results" / "made-up.json") == made
    table.main()
    text = (tmp_path / "README.md").read_text()
    assert "| it | 10 views | upstream | 500 ms | 2 s | **4.00** | 3 | nothing apart |" in text
    assert "- a fact" in text and "views^1.00" in text and (tmp_path / "scaling.png").stat().st_size > 1000
    about = made.provenance
    assert about["started"][:10] in text and about["cpu"] in text and str(about["git_commit"])[:12] in text


def test_the_shipped_table_is_of_the_shipped_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = (table.FOLDER / "README.md").read_text()
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    table.main()
    assert (tmp_path / "README.md").read_text() == shipped
    for path in measure.RESULTS.glob("*.json"):
        record = json.loads(path.read_text())
        assert not record["quick"]
        assert not any("/" in word for word in record["provenance"]["command"]), "a path of a machine"
