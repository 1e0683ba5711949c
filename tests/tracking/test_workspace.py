"""The W&B workspace names what runs log: a panel of a key that nothing logs would stay empty."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from hw4.config import Config, EvalConfig, InitConfig, PretrainConfig, SampleConfig, SplatConfig
from hw4.config.root import CacheConfig, ReportConfig
from hw4.jobs import run as job
from hw4.metrics import HIGHER, LOWER
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.sfm.config import SfmConfig
from hw4.tracking import workspace
from hw4.tracking.tracker import Tracker


class Recorder(Tracker):
    drops = False

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def log(self, values: dict[str, float | None]) -> None:
        self.keys |= set(values)

    summary = log

    def table(self, name: str, *_: Any) -> None:
        self.keys.add(name)

    image = table


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder, recorder = tmp_path_factory.mktemp("logged"), Recorder()
    config = Config(
        model=SfmConfig(),
        data=SampleConfig(root=str(folder / "data"), pairs=2, frames=3, width=64, height=48),
        splat=SplatConfig(
            iterations=3,
            log_every=1,
            video_frames=2,
            init=InitConfig(max_points=200),
            eval=EvalConfig(lpips_download=False),
        ),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(folder / "cache")),
    )
    pretrain = PretrainConfig(
        steps=1,
        batch_size=1,
        views=2,
        workers=0,
        validate_every=1,
        validation_scenes=1,
        out=str(folder / "p"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "open_tracker", lambda *_: recorder)
        job.run_job(config, folder / "all", Console(quiet=True))
        trained = replace(config, task="pretrain", model=Dust3rConfig(device="cpu"), pretrain=pretrain)
        job.run_job(trained, folder / "pretrain", Console(quiet=True))
    return recorder.keys


@pytest.mark.parametrize(
    "keys",
    [
        workspace.glance_keys(),
        workspace.pose_keys(LOWER),
        workspace.pose_keys(HIGHER),
        workspace.POSE_MEDIA,
        workspace.splat_keys(),
        workspace.SPLAT_CURVES,
        workspace.PRETRAIN_CURVES,
    ],
)
def test_every_panel_has_something_to_show(keys: Sequence[str], logged: set[str]) -> None:
    assert set(keys) <= logged and keys


def test_the_layout_is_what_wandb_takes() -> None:
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is an optional extra")
    built = workspace.build_workspace("somebody", "hw4")
    model = built._to_model().model_dump_json(by_alias=True)
    for key in (*workspace.pose_keys(LOWER), *workspace.SPLAT_CURVES, "pose/samples", "splat/views"):
        assert f'"{key}"' in model
    assert [section.name for section in built.sections] == ["Pose", "Splatting", "Pretraining"]
    assert [str(choice.name) for choice in built.runset_settings.groupby] == ["model", "input"]


def test_names_are_such_as_wandb_can_sort_and_compute_with(logged: set[str]) -> None:
    named = [key for key in logged if key.count("/") and not key.startswith(("splat/test/", "pose/cloud"))]
    assert {"pose/acc_5", "pose/auc_30", "pose/mre", "splat/ssim", "splat/train/ssim"} <= set(named)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*(/[a-z_][a-z0-9_]*)*", key) for key in named)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces", None)
    with pytest.raises(workspace.UserError, match="hw4\\[workspace\\]"):
        workspace.build_workspace("somebody", "hw4")
