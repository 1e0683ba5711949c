"""``hw4 runs`` finds, filters and sorts what runs left on disk."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from hw4.config import CandidatesConfig, Config, InputConfig, PairsConfig
from hw4.config.root import CacheConfig, ReportConfig, WandbConfig
from hw4.core.errors import UserError
from hw4.jobs.run import run_job
from hw4.launch.cli import main
from hw4.launch.list_runs import list_runs
from hw4.metrics import pose_headline
from hw4.models.sfm.config import SfmConfig
from hw4.pose.metrics import Measured, PoseSummary
from hw4.pose.results import PoseResult
from hw4.records.run import load_run
from hw4.splat.result import SplatResult
from tests.support.report_folders import POSE, write_pose_job


def write_run(folder: Path, model: str, started: str, mre: float | None, psnr: float | None = None) -> None:
    (folder / ".hydra").mkdir(parents=True)
    results = {
        "status": "ok",
        "config": {"task": "pose", "model": {"name": model}, "input": {"name": "pair"}, "splat": {"lr": 0.1}},
        "provenance": {"started": started},
    }
    summary = PoseSummary({"MRE": Measured(mre)}, 1, 1, 0, {}, "relative", "R", "exclude")
    results["pose"] = PoseResult([], summary, model, "none", 0, None, 1.0).to_json()
    if psnr is not None:
        splat = SplatResult({"psnr": psnr}, [], {}, False, 1, 1, 1, 1, None, 1.0, 1.0, "scene")
        results["splat"] = splat.to_json()
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


def test_answering_the_easy_samples_alone_wins_no_rank(tmp_path: Path) -> None:
    """Six of fifteen at 2 degrees, of the others nothing: 108.8 degrees where a failure counts as 180."""
    write_pose_job(tmp_path / "few", POSE, [2.0] * 6 + [None] * 9)
    write_pose_job(tmp_path / "all", POSE, [10.0] * 15)
    assert shown(tmp_path, "--sort=MRE") == ["all", "few"]
    assert shown(tmp_path, "--sort=-AUC@30") == ["all", "few"]
    table = list_runs([str(tmp_path), "--sort=MRE"])
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["valid"], row["MRE"]) for row in rows] == [("15/15", "10.000°"), ("6/15", "2.000°")]
    assert table.notes == ["in the order of MRE, samples without a result counted as the worst error"]
    assert load_run(tmp_path / "few", "few").rank(pose_headline()) == pytest.approx((6 * 2 + 9 * 180) / 15)


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sort=mre"], "did you mean MRE?"),
        (["--sort", "-psnr"], "did you mean PSNR?"),
        (["--where", "MREE<3"], "did you mean MRE?"),
        (["--where", "model.nam=vggt"], "did you mean model.name?"),
        (["--show", "splat.lrr"], "did you mean splat.lr?"),
        (["--sort=zzzz"], "metrics are MRE, "),
    ],
)
def test_unknown_columns_are_refused_with_the_nearest(runs: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match="there is no column or config key") as refused:
        list_runs([str(runs), *arguments])
    assert words in str(refused.value) and arguments[0].split("=")[0] in str(refused.value)


def test_the_tables_own_columns_and_every_models_keys_are_known(runs: Path) -> None:
    assert shown(runs, "--where", "model=vggt", "--sort=-run") == ["sweep/1", "sweep/0"]
    assert shown(runs, "--where", "model.min_inliers>3") == [], "a key of another model: known, and nowhere"


def test_a_sweep_in_which_no_job_began(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    (sweep / ".hydra").mkdir(parents=True)
    (sweep / "multirun.yaml").touch()
    assert list_runs([str(tmp_path)]).rows == []
    write_run(sweep / "0", "vggt", "2026-01-01", 3.0)
    assert shown(tmp_path) == ["sweep/0"], "the job, and not its sweep besides"


def test_the_command_over_real_runs(
    pairs_folder: Callable[..., tuple[Path, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`hw4 runs` as typed, over folders that real runs left, one of them an oracle's."""
    root, _ = pairs_folder(1, frames=4)
    monkeypatch.chdir(tmp_path)
    few = CandidatesConfig(subsets=2, frames=1)
    chosen = {"all": InputConfig("interpolated"), "oracle": InputConfig("interpolated", None, "oracle", few)}
    for name, inputs in chosen.items():
        config = Config(
            task="pose",
            model=SfmConfig(),
            data=PairsConfig(root=str(root)),
            input=inputs,
            wandb=WandbConfig(mode="disabled"),
            report=ReportConfig(auto=False),
            cache=CacheConfig(root=str(tmp_path / "cache")),
        )
        run_job(config, Path("outputs/2026-11-24") / f"a-rather-long-name-{name}", Console(quiet=True))
    monkeypatch.setenv("COLUMNS", "100")

    def printed(*arguments: str) -> tuple[int, str, str]:
        # The entrypoint sets it for what comes after in the same process.
        monkeypatch.setenv("HYDRA_FULL_ERROR", "")
        monkeypatch.setattr(sys, "argv", ["hw4", "runs", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code)), *capsys.readouterr()

    status, text, _ = printed("--sort=MRE", "--where=status=ok")
    assert status == 0 and text.startswith("2 runs")
    for name in chosen:
        assert f"outputs/2026-11-24/a-rather-long-name-{name} " in text, "a path stands on one line"
    (oracle,) = list_runs(["--where", "input.selection=oracle"]).rows
    assert "interpolated (oracle: picked with the ground truth)" in oracle
    status, _, error = printed("--sort=mre")
    assert status == 1 and error.splitlines() == [
        "hw4: --sort mre: there is no column or config key 'mre'; did you mean MRE?"
    ]
