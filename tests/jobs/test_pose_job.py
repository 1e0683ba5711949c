"""The pose and score stages of a job: what they read, and what they leave out of it."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hw4.config import Config, InputConfig, MetricsConfig, PairsConfig, ScoreConfig, WandbConfig
from hw4.config.root import CacheConfig
from hw4.core.errors import ConfigError
from hw4.jobs import pose
from hw4.jobs.run import run_job
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.sfm.config import SfmConfig
from hw4.pose.from_model import FromModel
from tests.support.fake_models import FakeModel

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def score_config(root: Path, predictions: Path, **more: Any) -> Config:
    return Config(
        task="score",
        data=PairsConfig(root=str(root)),
        score=ScoreConfig(predictions=str(predictions)),
        metrics=MetricsConfig(bootstrap=10),
        wandb=WandbConfig(mode="disabled"),
        **more,
    )


def scores(config: Config, out: Path) -> dict[str, Any]:
    run_job(config, out, Console(file=io.StringIO()))
    return json.loads((out / "results.json").read_text())["pose"]


@pytest.mark.slow
@pytest.mark.parametrize("photos", ["there", "gone", "damaged"])
def test_scoring_reads_the_index_the_truth_and_the_predictions(
    pairs_folder: MakePairs, tmp_path: Path, photos: str
) -> None:
    root, cameras = pairs_folder(3)
    content = {str(i): np.linalg.inv(pair) for i, pair in enumerate(cameras)}
    np.save(tmp_path / "p.npy", np.array(content, dtype=object), allow_pickle=True)
    if photos == "gone":
        shutil.rmtree(root / "images")
    elif photos == "damaged":
        (root / "images" / "1_a.png").write_bytes(b"damaged")
    config = score_config(root, tmp_path / "p.npy")
    found = scores(config, tmp_path / "out")
    assert (found["n_valid"], found["metrics"]["MRE"]["value"]) == (3, pytest.approx(0, abs=1e-5))
    # There are no frames, and nothing to see of an input that is not read.
    with_frames = scores(replace(config, input=InputConfig("interpolated")), tmp_path / "other")
    assert with_frames["metrics"] == found["metrics"]
    assert "input" not in (tmp_path / "other" / "summary.md").read_text()


def test_the_models_seed_reaches_the_evaluation(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def stop(_: object, source: FromModel, *__: object) -> None:
        seen["seed"] = source.seed
        raise InterruptedError

    root, _ = pairs_folder(1)
    monkeypatch.setattr(pose, "evaluate_pose", stop)
    config = Config(
        task="pose",
        model=Dust3rConfig(weights="random", seed=7),
        data=PairsConfig(root=str(root)),
        wandb=WandbConfig(mode="disabled"),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    with pytest.raises(InterruptedError):
        run_job(config, tmp_path / "out", Console(file=io.StringIO()))
    assert seen["seed"] == 7


@pytest.mark.parametrize("selection", ["all", "medoid"])
def test_a_scene_graph_without_its_view_is_an_error_of_the_configuration(
    pairs_folder: MakePairs, tmp_path: Path, selection: str
) -> None:
    root, _ = pairs_folder(2, frames=4)
    config = Config(
        task="pose",
        model=Dust3rConfig(weights="random", alignment=AlignmentConfig(scene_graph="oneref-99")),
        input=InputConfig("interpolated", selection=selection),
        data=PairsConfig(root=str(root)),
        wandb=WandbConfig(mode="disabled"),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    sentence = "oneref-99 refers to a view that 4 views do not have; use oneref-0 to oneref-3"
    with pytest.raises(ConfigError, match=sentence):
        run_job(config, tmp_path / "out", Console(file=io.StringIO()))
    # Two views are never aligned: nothing is wrong.
    AlignmentConfig(scene_graph="oneref-99").check_views(2)


def test_damaged_clouds_and_records_in_the_cache_cost_nothing_else(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = pairs_folder(3)
    monkeypatch.setattr("hw4.models.registry.build_model", lambda config: FakeModel())
    config = Config(
        task="pose",
        model=SfmConfig(),
        data=PairsConfig(root=str(root)),
        metrics=MetricsConfig(bootstrap=0),
        wandb=WandbConfig(mode="disabled"),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    first = scores(config, tmp_path / "a")
    (clouds,) = (tmp_path / "cache").glob("pose/*/clouds")
    (one,), (other,) = clouds.glob("0-*.npz"), clouds.glob("1-*.npz")
    one.write_bytes(b"no archive")
    other.write_bytes(other.read_bytes()[:100])
    log = clouds.parent / "predictions.jsonl"
    lines = log.read_text().splitlines()
    record = json.loads(lines[1])
    lines[1] = json.dumps({**record, "cam_from_world": [[1, 2], [3]]})
    log.write_text("\n".join(lines) + "\n")
    again = scores(config, tmp_path / "b")
    assert again["n_reused"] == first["n_total"] - 1
    keys = ("idx", "status", "rotation_error_deg", "reason")
    assert [[s[k] for k in keys] for s in again["samples"]] == [
        [s[k] for k in keys] for s in first["samples"]
    ]
