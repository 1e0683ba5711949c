"""Where a run or a sweep writes, whatever the folder is called, and the options of the command line."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from hw4.config.stages import result_files
from hw4.core.durable import write_json
from hw4.core.errors import UserError
from hw4.launch import cli as entry
from hw4.launch import flags
from hw4.launch.explain import explain
from hw4.launch.folders import (
    RUN,
    check_is_ours,
    fresh_folder,
    group_of,
    run_marks,
    setting_of,
    usable_folder,
)
from hw4.launch.sweep import check_printed, plan
from hw4.records.files import CONFIG
from tests.support.cli import refused, run_pose

MakePairs = Callable[..., tuple[Path, np.ndarray]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ('hydra.sweep.dir="sw q"', "sw q"),
        ("hydra.sweep.dir='it\\'s'", "it's"),
    ],
)
def test_the_comparison_lies_beside_its_jobs(
    pairs_folder: MakePairs, tmp_path: Path, given: str, folder: str
) -> None:
    root, _ = pairs_folder(1)
    done = run_pose(tmp_path, root, "-m", "metrics.mode=R,T", given)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / folder / "comparison.json").read_text())
    assert len(content["jobs"]) == 2 and (tmp_path / folder / "1" / "results.json").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"data", "outputs", folder.split("/")[0]}


def test_the_folder_is_resolved_once() -> None:
    planned = plan(["task=pose", "input=pair,interpolated", "hydra.sweep.dir=s/${now:%Y}/${task}"], True)
    assert planned.folder is not None
    first, year, task = planned.folder.split("/")
    assert (first, task) == ("s", "pose") and year.isdigit()
    assert plan(["task=pose", "input=pair,interpolated"], True).folder is None
    assert plan(["hydra.run.dir=out"], False).folder == "out"


def test_the_other_kinds_folder_is_refused() -> None:
    sentence = refused("task=pose", "input=pair,interpolated", "hydra.run.dir=x", multirun=True)
    assert sentence == "the folder of a sweep is set by hydra.sweep.dir=..., not by hydra.run.dir."
    assert "set by hydra.run.dir=..., not by hydra.sweep.dir" in refused("hydra.sweep.dir=x")
    assert "foo" in refused("hydra.run.dir=a/${foo}")


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        for make in (usable_folder, lambda f, key: fresh_folder(str(f / "x"), key)):
            with pytest.raises(UserError, match=r"cannot (write to|create) .*; set hydra\.sweep\.dir="):
                make(folder, "hydra.sweep.dir")


def test_a_run_below_a_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    for command in (["hydra.run.dir=file/out"], ["-m", "splat.lr=1e-4,2e-4", "hydra.sweep.dir=file/out"]):
        monkeypatch.setattr("sys.argv", ["hw4", *command])
        monkeypatch.setattr(os, "environ", {**os.environ, entry.FULL_ERROR: ""})
        with pytest.raises(SystemExit) as ended:
            entry.main()
        assert ended.value.code == 1
        key = command[-1].split("=")[0]
        assert capsys.readouterr().err == f"hw4: cannot write to file/out: Not a directory; set {key}=...\n"


@pytest.mark.parametrize("name", ["summary.md", "config.yaml", "extremes.png", "results.json", "report.html"])
def test_files_of_somebody_else_are_not_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"mine": 1}')
    with pytest.raises(UserError, match=rf"holds {name}, which would be over.*another hydra\.run\.dir"):
        check_is_ours(tmp_path, (*result_files(), CONFIG), run_marks(tmp_path), RUN)
    (tmp_path / ".lock").touch()
    check_is_ours(tmp_path, (*result_files(), CONFIG), run_marks(tmp_path), RUN)


def test_a_run_of_before_there_was_a_lock_is_known_by_its_results(tmp_path: Path) -> None:
    write_json(tmp_path / "results.json", {"status": "ok", "config": {}})
    (tmp_path / "summary.md").touch()
    check_is_ours(tmp_path, result_files(), run_marks(tmp_path), RUN)


@pytest.mark.slow
def test_a_run_and_a_sweep_leave_files_of_somebody_else_alone(
    pairs_folder: MakePairs, tmp_path: Path
) -> None:
    root, _ = pairs_folder(1)
    for mine, arguments in (
        ("out/results.json", ["hydra.run.dir=out"]),
        ("s/comparison.md", ["-m", "metrics.mode=R,T", "hydra.sweep.dir=s"]),
    ):
        (tmp_path / mine).parent.mkdir()
        (tmp_path / mine).write_text("mine")
        for _ in range(2):
            done = run_pose(tmp_path, root, *arguments)
            assert done.returncode == 1 and "which would be overwritten" in done.stderr
            assert (tmp_path / mine).read_text() == "mine"


def test_a_sweep_that_left_no_job_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import hydra

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hydra, "main", lambda **_: lambda _: lambda: None)
    monkeypatch.setattr("sys.argv", ["hw4", "-m", "splat.lr=1e-4,2e-4", "hydra.sweep.dir=s"])
    monkeypatch.setattr(os, "environ", {**os.environ, entry.FULL_ERROR: ""})
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 1 and "no job of the sweep left anything in s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--frobnicate"], "there is no option --frobnicate"),
        (["--multirn", "a=1"], "Did you mean --multirun?"),
        (["--cfg"], "--cfg needs a value: job, hydra, all"),
        (["--cfg", "jobs"], "--cfg jobs is not understood: job, hydra, all"),
        (["-c", "--resolve"], "-c needs a value"),
        (["pose"], "'pose' is not understood: give key=value"),
        (["--experimental-rerun", "config.pickle"], "it unpickles a file, which could run code"),
    ],
)
def test_impossible_options_are_one_sentence(given: list[str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        flags.check(flags.split(given)[0])
    assert words in str(caught.value)


def test_hydras_options_are_accepted() -> None:
    for given in (
        ["-m", "a=1,2"],
        ["--cfg", "job", "--resolve"],
        ["--cfg=job"],
        ["--info"],
        ["-i", "plugins"],
    ):
        flags.check(flags.split(given)[0])
    assert flags.split(["-m", "experiment=x", "~a", "b=1"]) == (["-m"], ["+experiment=x", "~a", "b=1"])


def test_a_printed_configuration_is_checked() -> None:
    check_printed(["data=pairs"])
    for overrides in (["splat.lr=-1"], ["data=pairs", "splat.lr=-1"]):
        with pytest.raises(UserError, match="splat.lr=-1 is impossible"):
            check_printed(overrides)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("name=ü", "name=ü could not be understood: a value with special characters needs quotes"),
        ("name=a;b", "name=a;b could not be understood"),
        ("model.weights=null", "model.weights=null is impossible: it must have a value"),
        ("model.alignment.lr=null", "model.alignment.lr=null is impossible"),
        ("model=null", "cannot be null"),
    ],
)
def test_values_that_hydra_cannot_read_are_one_sentence(override: str, words: str) -> None:
    sentence = refused(override)
    assert words in sentence and "\n" not in sentence
    assert plan(['name="ü"'], False).jobs[0].name == "ü"
    assert explain(ValueError("something else")) is None


def test_the_jobs_of_two_days_are_two_groups() -> None:
    assert group_of(Path("multirun/2026-11-24/13-45-02")) == "2026-11-24_13-45-02"
    assert group_of(Path("sweeps/lr")) == "lr"


def jobs_in(subdir: str) -> list[str]:
    return ["model=sfm", "task=pose", "model.max_ratio=0.8,0.75", f"hydra.sweep.subdir='{subdir}'"]


@pytest.mark.parametrize(
    ("subdir", "words"),
    [
        ("always", "puts two jobs into one folder (always, always)"),
        ("${model.name}", "puts two jobs into one folder (sfm, sfm)"),
        (".", "lies outside of the sweep's folder"),
        ("../${hydra.job.num}", "lies outside of the sweep's folder"),
        ("/${hydra.job.num}", "lies outside of the sweep's folder"),
        ("${nowhere}", "nowhere"),
    ],
)
def test_jobs_that_would_overwrite_each_other_are_refused(subdir: str, words: str) -> None:
    assert words in refused(*jobs_in(subdir), multirun=True)


@pytest.mark.parametrize(
    "subdir", ["sfm/${hydra.job.num}", "${hydra:job.num}", "${hydra.job.override_dirname}"]
)
def test_jobs_with_folders_of_their_own_are_accepted(subdir: str) -> None:
    assert len(plan(jobs_in(subdir), True).jobs) == 2


@pytest.mark.slow
def test_two_processes_in_one_folder_take_turns(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run_pose(tmp_path, root, "hydra.run.dir=out"), "ab"))
    assert [done.returncode for done in both] == [0, 0], both
    assert len((tmp_path / "out" / "samples.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: !!python/object/apply:os.system [true]", "could not determine a constructor for the tag"),
        ("name: [1, 2", "expected"),
    ],
)
def test_yaml_that_is_damaged_or_would_run_code_is_one_sentence(
    text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(f"a: 1\n{text}\n")
    with pytest.raises(Exception) as caught:
        OmegaConf.load(tmp_path / "mine.yaml")
    sentence = str(explain(caught.value))
    assert f"{tmp_path}/mine.yaml, line" in sentence and words in sentence and "\n" not in sentence


def test_the_jobs_of_one_setting_are_a_group_where_a_sweep_repeats_seeds(tmp_path: Path) -> None:
    jobs = [
        ["task=splat", f"splat.lr={lr}", f"splat.seed={seed}"]
        for lr in ("1e-4", "2e-4")
        for seed in (0, 1, 2)
    ]
    assert {setting_of(tmp_path, job) for job in jobs} == {""}
    write_json(tmp_path / "sweep.json", {"swept": ["splat.lr", "splat.seed"], "seeds": ["splat.seed"]})
    assert [setting_of(tmp_path, job) for job in jobs] == ["splat.lr=1e-4"] * 3 + ["splat.lr=2e-4"] * 3
    # Without a seed among what is swept, the sweep is one group as before.
    write_json(tmp_path / "sweep.json", {"swept": ["splat.lr"], "seeds": []})
    assert {setting_of(tmp_path, job) for job in jobs} == {""}
    write_json(tmp_path / "sweep.json", {"swept": ["data.root", "splat.seed"], "seeds": ["splat.seed"]})
    long = [setting_of(tmp_path, [f"data.root=/{'a' * 200}{end}"]) for end in "xy"]
    assert long[0] != long[1] and max(map(len, long)) <= 80
