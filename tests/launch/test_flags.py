"""Options that begin with a dash, in-process: nothing here starts a run."""

import sys
from pathlib import Path

import pytest

import hw4
from hw4.core.errors import UserError
from hw4.launch.cli import main
from hw4.launch.flags import check, split, with_config_dir
from hw4.launch.sweep import check_printed, plan


def printed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    # The entrypoint sets it for what comes after in the same process.
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")
    monkeypatch.setattr(sys, "argv", ["hw4", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(str(ended.value.code))


@pytest.mark.parametrize("joined", [True, False])
def test_experiments_of_the_users_own_folder(tmp_path: Path, joined: bool) -> None:
    folder = tmp_path / "it's mine, really"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "mine.yaml").write_text("# @package _global_\nname: mine\n")
    given = [f"--config-dir={folder}"] if joined else ["--config-dir", str(folder)]
    flags, overrides = split([*given, "experiment=mine", "model=sfm,vggt"])
    check(flags)
    flags, overrides = with_config_dir(flags, overrides)
    assert flags == []
    planned = plan(overrides, multirun=True)
    assert [job.name for job in planned.jobs] == ["mine", "mine"]
    check_printed([override for override in overrides if "model" not in override])


def test_folders_that_cannot_be_searched(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--config-dir nowhere is not a folder"):
        with_config_dir(["--config-dir", "nowhere"], [])
    with pytest.raises(UserError, match="say the same thing"):
        with_config_dir([f"-cd={tmp_path}"], ["hydra.searchpath=[x]"])


@pytest.mark.parametrize("flag", ["--config-name", "-cp=there"])
def test_another_primary_configuration_is_refused(flag: str) -> None:
    with pytest.raises(UserError, match="is refused.*--config-dir"):
        check([flag, "x"])


def test_the_version_is_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"hw4 {hw4.__version__}\n"


@pytest.mark.parametrize("task", [["task=view", "view.run=typo"], ["task=report", "report.dir=typo"]])
def test_showing_what_is_not_there_leaves_no_run(
    task: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert printed(monkeypatch, *task) == 1
    assert "hw4: typo is not a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
