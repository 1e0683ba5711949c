"""Runs that differ in their seeds alone are one setting, with a mean and a spread."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from hw4.config import Config, SplatConfig
from hw4.config.decides import replicate_keys
from hw4.config.fields import known_fields
from hw4.core.durable import write_json
from hw4.data.registry import data_configs
from hw4.launch.list_runs import list_runs
from hw4.metrics import splat_headline
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.registry import model_configs
from hw4.output.sweep_table import comparison_table
from hw4.records.comparison import compare
from hw4.records.listing import by_setting, find_runs
from hw4.records.runs import load_runs
from hw4.records.settings import Spread, settings_of
from hw4.report.document import write_report
from tests.support.report_folders import POSE, read_table, write_job, write_pose_job, write_splat_job


def splat(lr: float, iterations: int, seed: int) -> Config:
    return replace(POSE, task="splat", splat=SplatConfig(lr=lr, iterations=iterations, seed=seed))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two learning rates by two lengths, three seeds each; the mean PSNR is 10, 12, 14, 16 dB."""
    number = 0
    for setting, (lr, iterations) in enumerate([(1e-4, 10), (1e-4, 20), (2e-4, 10), (2e-4, 20)]):
        for seed, shift in enumerate((-0.5, 0.0, 0.5)):
            write_splat_job(tmp_path / str(number), splat(lr, iterations, seed), 10 + 2 * setting + shift)
            number += 1
    write_json(tmp_path / "sweep.json", {"n_jobs": 12})
    return tmp_path


def replicates(node: Any) -> Iterator[tuple[str, bool]]:
    """Every key's last word, and whether it repeats settings."""
    for name, (known, _) in known_fields(node).items():
        kind = get_type_hints(node)[name]
        if is_dataclass(kind):
            yield from replicates(kind)
        else:
            yield name, known.replicate


def test_every_seed_is_a_replicate_and_nothing_else() -> None:
    nodes = [Config, *model_configs().values(), *data_configs().values()]
    found = [one for node in nodes for one in replicates(node)]
    assert len(found) > 100 and sum(replicate for _, replicate in found) >= 8
    assert [name for name, replicate in found if replicate != (name == "seed")] == []
    assert {"model.seed", "splat.seed", "data.seed"} <= replicate_keys(Config(model=Dust3rConfig()))


def test_twelve_jobs_are_four_settings(sweep: Path) -> None:
    comparison = compare(load_runs(sweep).runs)
    assert comparison.differing_keys == ["splat.iterations", "splat.lr"]
    assert comparison.seed_keys == ["splat.seed"]
    assert [setting.names for setting in comparison.settings] == [
        "0, 1, 2",
        "3, 4, 5",
        "6, 7, 8",
        "9, 10, 11",
    ]
    content = comparison.to_json()
    assert len(content["jobs"]) == 12 and len(content["settings"]) == 4
    last = content["settings"][-1]
    assert last["settings"] == {"splat.iterations": 20, "splat.lr": 2e-4}
    assert last["jobs"] == ["9", "10", "11"] and last["seeds"] == {"splat.seed": [0, 1, 2]}
    assert last["metrics"]["psnr"] == {"mean": 16.0, "std": 0.5, "n": 3, "values": [15.5, 16.0, 16.5]}
    assert "lpips" not in last["metrics"]


def test_the_table_has_a_row_for_each_setting(sweep: Path) -> None:
    table = comparison_table(compare(load_runs(sweep).runs), "t")
    assert list(table.columns[:4]) == ["job", "seeds", "splat.iterations", "splat.lr"]
    psnr = list(table.columns).index("PSNR")
    assert [row[psnr] for row in table.rows] == [f"{mean}.00 ± 0.50" for mean in (10, 12, 14, 16)]
    assert {row[1] for row in table.rows} == {"3"}
    assert any(note.startswith("splat.seed 0, 1, 2: jobs that differ in their seeds") for note in table.notes)
    # What is to be said of all of them is said once.
    assert "all jobs: splat initialised from scene" in table.notes and len(table.notes) == 3


def test_a_lost_replicate_is_counted(tmp_path: Path) -> None:
    for number, seed in enumerate((0, 1, 2)):
        write_splat_job(tmp_path / str(number), splat(1e-4, 10, seed), 10 + number)
    (tmp_path / "1" / "results.json").unlink()
    write_json(tmp_path / "1" / "results.json", {"status": "failed", "config": asdict(splat(1e-4, 10, 1))})
    (setting,) = settings_of(load_runs(tmp_path).runs)
    spread = setting.spread(splat_headline())
    assert spread.values == (10.0, None, 12.0)
    assert spread.text(splat_headline().scale) == f"11.00 ± {statistics.stdev([10, 12]):.2f} (2 of 3)"


def test_the_same_seed_again_and_a_lost_configuration_are_no_replicates(tmp_path: Path) -> None:
    for number, seed in enumerate((0, 1, 0)):
        write_splat_job(tmp_path / str(number), splat(1e-4, 10, seed), 10)
    write_job(tmp_path / "3", POSE)
    write_json(tmp_path / "3" / "results.json", {"status": "ok"})
    write_job(tmp_path / "4", POSE)
    write_json(tmp_path / "4" / "results.json", {"status": "ok"})
    assert [one.names for one in settings_of(load_runs(tmp_path).runs)] == ["0, 1", "2", "3", "4"]
    assert settings_of([]) == []


def test_runs_without_a_seed_of_their_own_stand_beside_those_with_one(tmp_path: Path) -> None:
    write_pose_job(tmp_path / "0", POSE, [1.0, 2.0])
    for seed in (1, 2):
        write_pose_job(tmp_path / str(seed), replace(POSE, model=Dust3rConfig(seed=seed)), [3.0, float(seed)])
    found = settings_of(load_runs(tmp_path).runs)
    assert [(one.names, one.label) for one in found] == [("0", "sfm, pair"), ("1, 2", "dust3r, pair")]
    assert found[1].run.label == "dust3r, pair" and found[1].run.name == "jobs 1, 2"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((), "—"),
        ((None,), "—"),
        ((1.0,), "1.00"),
        ((1.0, 3.0), "2.00 ± 1.41"),
        ((1.0, None), "1.00 (1 of 2)"),
    ],
)
def test_a_spread_in_words(values: Any, text: str) -> None:
    assert Spread(values).text(splat_headline().scale) == text


def test_listed_runs_are_settings_of_their_sweep_unless_each_is_asked_for(sweep: Path) -> None:
    rows = by_setting(find_runs([sweep]))
    assert len(rows) == 4 and rows[0].folder == f"{sweep}/{{0,1,2}}" and rows[0].status == "3 ok"
    assert rows[0].value("splat.seed") == "0, 1, 2"
    assert sorted(row.value("PSNR") for row in rows) == [10, 12, 14, 16]
    table = list_runs([str(sweep), "--sort", "-PSNR"])
    assert table.title == "12 runs" and table.rows[0][0] == f"{sweep}/{{9,10,11}}"
    assert table.rows[0][-2] == "16.00 ± 0.50" and table.notes == ["± standard deviation over seeds"]
    assert len(list_runs([str(sweep), "--each"]).rows) == 12
    # Runs that are no jobs of one sweep stand by themselves.
    (sweep / "sweep.json").unlink()
    assert len(list_runs([str(sweep)]).rows) == 12


def test_the_report_has_a_row_for_each_setting(sweep: Path, tmp_path: Path) -> None:
    scores = read_table(write_report(sweep).markdown.read_text(), "Scores on the test views")
    assert scores["seeds"] == ["3"] * 4
    assert scores["PSNR (dB)"] == [f"{mean}.00 ± 0.50" for mean in (10, 12, 14, 16)]
    for seed in (1, 2, 3):
        config = replace(POSE, model=Dust3rConfig(seed=seed))
        write_pose_job(tmp_path / "poses" / str(seed), config, [float(seed), None, 20.0 + seed])
    summaries = read_table(write_report(tmp_path / "poses").markdown.read_text(), "Every pose run")
    assert [cell.split(", ")[-1] for cell in summaries[""]] == ["metric", "3 seeds"]
    assert summaries["MRE"] == ["12.000° ± 1.000"] and summaries["valid samples"] == ["6/9"]
