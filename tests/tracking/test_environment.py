"""W&B's environment variables, and the one run of a job that was killed."""

from pathlib import Path

import pytest

from hw4.config import WandbConfig
from hw4.core.errors import UserError
from hw4.tracking.environment import RUN_FILE, RunId, chosen_here, mode_of

AGENT = {"WANDB_SWEEP_ID": "s", "WANDB_RUN_ID": "r"}


@pytest.mark.parametrize(
    ("asked", "environment", "mode"),
    [
        ("auto", {}, "offline"),
        ("auto", {"WANDB_MODE": "online"}, "online"),
        ("auto", {"WANDB_MODE": "dryrun"}, "offline"),
        ("auto", {"WANDB_MODE": "disabled"}, "disabled"),
        ("auto", {"WANDB_MODE": "online", "WANDB_DISABLED": "true"}, "disabled"),
        ("auto", AGENT, "online"),
        ("auto", {**AGENT, "WANDB_MODE": "offline"}, "offline"),
        ("online", {"WANDB_MODE": "disabled"}, "online"),
        ("disabled", AGENT, "disabled"),
    ],
)
def test_the_command_line_goes_before_the_environment(
    asked: str, environment: dict[str, str], mode: str
) -> None:
    assert mode_of(WandbConfig(asked), environment) == mode


def test_a_mode_that_is_none() -> None:
    with pytest.raises(UserError, match="WANDB_MODE=ofline is no mode of W&B"):
        mode_of(WandbConfig(), {"WANDB_MODE": "ofline"})


def test_project_and_entity() -> None:
    assert chosen_here(WandbConfig(), {}) == {"project": "hw4", "entity": None}
    assert chosen_here(WandbConfig(), {"WANDB_PROJECT": "mine"})["project"] is None
    assert chosen_here(WandbConfig(project="p"), {"WANDB_PROJECT": "mine"})["project"] == "p"
    assert chosen_here(WandbConfig(project="p"), AGENT) == {}, "a sweep has its own"


def test_a_killed_job_goes_on_in_its_run(tmp_path: Path) -> None:
    first = RunId(tmp_path, {"lr": 1}, {})
    assert RunId(tmp_path, {"lr": 1}, {}).value == first.value
    assert RunId(tmp_path, {"lr": 2}, {}).value != first.value, "another job in its folder is another run"
    again = RunId(tmp_path, {"lr": 2}, {})
    again.forget()
    assert RunId(tmp_path, {"lr": 2}, {}).value != again.value, "a whole job that is run anew as well"
    (tmp_path / RUN_FILE).write_text("cut sho")
    assert RunId(tmp_path, {"lr": 2}, {}).value
    assert RunId(tmp_path / "agents", {"lr": 2}, AGENT).value == "r"
    assert not (tmp_path / "agents").exists()
