"""The table of stages: ours, and one that another package offers with keys of its own."""

import json
import os
from pathlib import Path
from pkgutil import resolve_name

import pytest

from hw4.config import Config
from hw4.config.stages import ALL, OWN, stages, tasks
from hw4.core.errors import ConfigError
from tests.support.cli import hw4
from tests.support.packages import install
from tests.support.paths import ROOT

TOY = """
from dataclasses import dataclass

from hw4.config.fields import Checked, key
from hw4.config.stages import Stage


@dataclass
class ToyConfig(Checked, at="toy"):
    steps: int = key(3, low=1)
    colour: str = key("red", choices=("red", "blue"))


STAGE = Stage(
    "toy",
    "hw4_toy:run",
    "counts its steps",
    reads=("toy", "data"),
    needs="pairs",
    files=("toy.txt",),
    config=ToyConfig,
)


def run(context):
    steps = context.config.toy.steps
    (context.out_dir / "toy.txt").write_text("x" * steps)
    context.results["toy"] = {"counted": steps}
    return []
"""


def test_every_row_of_ours_can_run() -> None:
    for row in OWN:
        assert callable(resolve_name(row.run)), row.name
    assert [row.name for row in stages().values() if row.in_all] == ["pose", "splat"]
    assert tasks()[0] == ALL


def test_a_task_that_is_none_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"task='spalt' is not a choice; .* Did you mean 'splat'\?"):
        Config(task="spalt")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the package is installed."""
    site = tmp_path_factory.mktemp("site")
    install(site, "hw4-toy", {"hw4.stages": {"toy": "hw4_toy:STAGE"}}, {"hw4_toy": TOY})
    return {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}


@pytest.mark.slow
def test_a_stage_of_another_package_is_a_task_like_ours(toy: dict[str, str], tmp_path: Path) -> None:
    common = ["task=toy", "wandb=disabled", "data.pairs=1", "data.frames=3"]
    done = hw4(tmp_path, *common, "toy.steps=4", "hydra.run.dir=out", env=toy)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["toy"] == {"counted": 4} and results["config"]["toy"] == {"steps": 4, "colour": "red"}
    assert (tmp_path / "out" / "toy.txt").read_text() == "xxxx"
    swept = hw4(tmp_path, "-m", *common, "toy.steps=1,2", "hydra.sweep.dir=sweep", env=toy)
    assert swept.returncode == 0, swept.stderr
    assert "toy.steps" in (tmp_path / "sweep" / "comparison.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], "toy: counts its steps"),
        (["--cfg", "job"], "toy:\n  steps: 3"),
        (["task=toy", "toy.stesp=2"], "Did you mean toy.steps?"),
        (["task=toy", "toy.steps=0"], "toy.steps=0 is impossible: it must be at least 1."),
        (["task=toy", "toy.colour=rd"], "Did you mean 'red'?"),
        (["task=tpy"], "Did you mean 'toy'?"),
        (["task=toy", "data=scene", "data.root=d"], "data=scene has no pairs of photos"),
        (["-m", "task=toy", "splat.lr=1,2"], "the sweep over splat.lr would repeat the same job"),
    ],
)
def test_its_keys_are_known_everywhere(
    arguments: list[str], words: str, toy: dict[str, str], tmp_path: Path
) -> None:
    done = hw4(tmp_path, *arguments, "wandb=disabled", env=toy)
    assert words in done.stdout + done.stderr


def test_a_stage_with_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    source = 'from hw4.config.stages import Stage\nSTAGE = Stage("pose", "x:y", "", reads=())\n'
    install(tmp_path / "site", "thief", {"hw4.stages": {"pose": "thief:STAGE"}}, {"thief": source})
    done = hw4(tmp_path, env={"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])})
    assert done.returncode == 1
    assert "entry point pose (group hw4.stages) has the name of another stage" in done.stderr
