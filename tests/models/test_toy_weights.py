"""Small networks on photographs are called what they are, wherever their numbers stand."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from hw4.config import Config, DataConfig, DemoConfig, PairsConfig, SampleConfig, SceneConfig
from hw4.config.model import ModelConfig
from hw4.jobs import run as job
from hw4.jobs.context import JobContext
from hw4.jobs.pose import source_of
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.sfm.config import SfmConfig
from hw4.models.toy_weights import doubt_of_weights
from hw4.models.vggt.config import VggtConfig
from hw4.records.run import load_run
from tests.support.report_folders import sample

PHOTOS = PairsConfig(root="photos")


@pytest.mark.parametrize(
    ("model", "data", "doubted"),
    [
        (Dust3rConfig(), PHOTOS, True),
        (VggtConfig(weights="random"), SceneConfig(root="photos"), True),
        (Dust3rConfig(weights="official"), PHOTOS, False),
        (Dust3rConfig(weights="my.pth"), PHOTOS, False),
        (SfmConfig(), PHOTOS, False),
        (Dust3rConfig(), SampleConfig(), False),
    ],
)
def test_toys_are_doubted_on_photographs(model: ModelConfig, data: DataConfig, doubted: bool) -> None:
    doubt = doubt_of_weights(Config(task="pose", model=model, data=data))
    assert (doubt is not None) == doubted
    if doubt:
        assert "model.weights=official" in doubt and "model=sfm needs none" in doubt


def test_the_demos_own_photos_count() -> None:
    config = Config(task="demo", model=Dust3rConfig(), demo=DemoConfig(images="mine"))
    assert doubt_of_weights(config) and not doubt_of_weights(replace(config, task="pose"))


def test_tables_say_it_also_those_of_a_killed_run(tmp_path: Path) -> None:
    config = Config(task="pose", model=Dust3rConfig(), data=PHOTOS)
    context = JobContext(config, tmp_path, Console(quiet=True), job.Tracker(), {})
    assert doubt_of_weights(config) in source_of(context, []).remarks
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "config.yaml").write_text(
        "task: pose\nmodel: {name: dust3r, weights: tiny}\ndata: {name: pairs, root: photos}\n"
    )
    (tmp_path / "samples.jsonl").write_text(json.dumps(sample(0, 3.0)) + "\n")
    pose = load_run(tmp_path, "killed").pose
    assert pose is not None and pose.remarks == [doubt_of_weights(config)]


@pytest.mark.parametrize(("task", "warned"), [("pose", True), ("score", False)])
def test_the_terminal_hears_of_it_where_the_model_is_read(
    task: str, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(task=task, model=Dust3rConfig(), data=replace(PHOTOS, root=str(tmp_path)))
    monkeypatch.setattr(job, "open_tracker", lambda *_: job.Tracker())
    console = Console(record=True, width=300, file=io.StringIO())
    with pytest.raises(job.UserError):
        job.run_job(config, tmp_path / "out", console)
    assert ("model.weights=tiny is a small network" in console.export_text()) == warned
