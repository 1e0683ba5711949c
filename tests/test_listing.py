"""``hw4 runs`` finds, filters and sorts what runs left on disk."""

import json
from pathlib import Path

import pytest

from hw4.errors import UserError
from hw4.report.listing import list_runs
from hw4.report.runs import POSE_KEYS, SPLAT_KEYS


def write_run(folder: Path, model: str, started: str, mre: float | None, psnr: float | None = None) -> None:
    (folder / ".hydra").mkdir(parents=True)
    results = {
        "status": "ok",
        "config": {"task": "pose", "model": {"name": model}, "input": {"name": "pair"}, "splat": {"lr": 0.1}},
        "provenance": {"started": started},
        "pose": {**dict.fromkeys(POSE_KEYS), "metrics": {"MRE": {"value": mre}}, "model": model},
    }
    if psnr is not None:
        results["splat"] = {**dict.fromkeys(SPLAT_KEYS), "psnr": psnr}
    (folder / "results.json").write_text(json.dumps(results))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "a", "dust3r", "2026-01-02", 10.0)
    write_run(tmp_path / "sweep" / "0", "vggt", "2026-01-01", 30.0, psnr=20.0)
    write_run(tmp_path / "sweep" / "1", "vggt", "2026-01-03", None)
    (tmp_path / "sweep" / "2" / ".hydra").mkdir(parents=True)
    return tmp_path


def shown(runs: Path, *arguments: str) -> list[str]:
    rows = list_runs([str(runs), *arguments]).rows
    return [str(Path(row[0]).relative_to(runs)) for row in rows]


def test_all_in_order_of_their_start_and_killed_ones_too(runs: Path) -> None:
    assert shown(runs) == ["sweep/2", "sweep/0", "a", "sweep/1"]
    table = list_runs([str(runs)])
    by_folder = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert by_folder[str(runs / "sweep/2")]["status"] == "unfinished"
    assert by_folder[str(runs / "a")]["MRE"] == "10.000°" and by_folder[str(runs / "a")]["PSNR"] == "—"


def test_sorting_puts_missing_values_last_either_way(runs: Path) -> None:
    assert shown(runs, "--sort", "MRE") == ["a", "sweep/0", "sweep/2", "sweep/1"]
    assert shown(runs, "--sort", "-MRE")[:2] == ["sweep/0", "a"]
    assert shown(runs, "--sort", "-started", "--limit", "1") == ["sweep/1"]


def test_conditions_on_metrics_and_settings(runs: Path) -> None:
    assert shown(runs, "--where", "model.name=vggt") == ["sweep/0", "sweep/1"]
    assert shown(runs, "--where", "model.name=vggt", "--where", "MRE>=30") == ["sweep/0"]
    assert shown(runs, "--where", "MRE<30") == ["a"], "a missing metric satisfies no inequality"
    assert shown(runs, "--where", "status!=ok") == ["sweep/2"]
    assert shown(runs, "--where", "splat.lr<=0.1", "--where", "PSNR>10") == ["sweep/0"]
    assert "splat.lr" in list_runs([str(runs), "--show", "splat.lr"]).columns


@pytest.mark.parametrize("condition", ["MRE~3", "MRE<many", ""])
def test_conditions_that_mean_nothing(runs: Path, condition: str) -> None:
    with pytest.raises(UserError, match="--where"):
        list_runs([str(runs), "--where", condition])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        list_runs([str(tmp_path / "none")])
    assert list_runs([str(tmp_path)]).rows == []
