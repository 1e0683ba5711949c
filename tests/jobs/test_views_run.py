"""Runs over samples of N views: their list of frames, given back, and a model of real photos."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hw4.config import ColmapConfig, Config, MetricsConfig, ReportConfig, ScoreConfig, WandbConfig
from hw4.core.colmap import pycolmap
from hw4.data.views.load import load_views
from hw4.jobs.run import run_job
from hw4.models.sfm.config import SfmConfig
from tests.support.views import Oracle, ring, write_colmap


def config_of(task: str, data: ColmapConfig, folder: Path, **groups: Any) -> Config:
    config = Config(
        task=task,
        data=data,
        model=SfmConfig(),
        metrics=MetricsConfig(bootstrap=0),
        wandb=WandbConfig("disabled"),
        report=ReportConfig(auto=False),
        **groups,
    )
    config.cache.root = str(folder / "cache")
    return config


def results_of(config: Config, out: Path) -> dict[str, Any]:
    out.mkdir()
    run_job(config, out, Console(quiet=True))
    return dict(json.loads((out / "results.json").read_text()))


def perfect(data: ColmapConfig, path: Path) -> Path:
    """The true cameras of every sample as a predictions file, in another world and at another scale."""
    predicted = {}
    for sample in load_views(data).samples:
        assert sample.cam_from_world is not None
        by_name = dict(zip((p.name for p in sample.image_paths), sample.cam_from_world, strict=True))
        found = Oracle(by_name).reconstruct(sample.image_paths).cam_from_world
        cameras = np.tile(np.eye(4), (len(found), 1, 1))
        cameras[:, :3] = found
        predicted[str(sample.idx)] = np.linalg.inv(cameras)
    np.save(path, np.array(predicted, dtype=object), allow_pickle=True)
    return path


@pytest.mark.parametrize("keys", [{"views": 5, "sets": 2}, {"sampler": "pairs", "sets": 3}])
def test_a_perfect_predictions_file_is_perfect_and_its_frames_are_listed(
    tmp_path: Path, keys: dict[str, Any]
) -> None:
    write_colmap(tmp_path / "data" / "a", ring(12))
    write_colmap(tmp_path / "data" / "b", ring(9))
    data = ColmapConfig(root=str(tmp_path / "data"), **keys)
    score = ScoreConfig(str(perfect(data, tmp_path / "p.npy")))
    first = results_of(config_of("score", data, tmp_path, score=score), tmp_path / "first")
    metrics = {name: metric["value"] for name, metric in first["pose"]["metrics"].items()}
    assert metrics["MRE"] == pytest.approx(0, abs=1e-5) and metrics["MTE"] == pytest.approx(0, abs=1e-4)
    assert {metrics[name] for name in ("AUC@30", "AUC@3", "Acc@5")} == {1.0}
    listed = json.loads((tmp_path / "first/frames.json").read_text())
    assert first["frames"]["hash"] == listed["hash"] and first["frames"]["scenes"] == 2
    if data.sampler == "pairs":
        return
    # Given back, they are the same samples, whatever the sampler says.
    again = ColmapConfig(root=data.root, sampler="all", frames_list=str(tmp_path / "first/frames.json"))
    second = results_of(config_of("score", again, tmp_path, score=score), tmp_path / "second")
    assert second["frames"]["hash"] == listed["hash"]
    rows = ("idx", "scene", "views", "rotation_error_deg")
    assert [[s[k] for k in rows] for s in second["pose"]["samples"]] == [
        [s[k] for k in rows] for s in first["pose"]["samples"]
    ]


@pytest.mark.slow
def test_sfm_and_a_perfect_prediction_on_a_model_of_real_photos(tmp_path: Path, shared_data: Path) -> None:
    """COLMAP places six photos of a desk; our own sfm is scored on five of them."""
    root = tmp_path / "desk"
    (root / "images").mkdir(parents=True)
    for path in sorted((shared_data / "tum_desk/images").iterdir())[2:8]:
        (root / "images" / path.name).symlink_to(path)
    pycolmap.set_random_seed(0)
    extraction = pycolmap.FeatureExtractionOptions(use_gpu=False, num_threads=1, max_image_size=480)
    pycolmap.extract_features(
        root / "db", root / "images", camera_mode=pycolmap.CameraMode.SINGLE, extraction_options=extraction
    )
    matching = pycolmap.FeatureMatchingOptions(use_gpu=False, num_threads=1)
    pycolmap.match_exhaustive(root / "db", matching_options=matching)
    (root / "sparse").mkdir()
    pycolmap.incremental_mapping(root / "db", root / "images", root / "sparse")
    data = ColmapConfig(root=str(root), sampler="sequence", views=5)
    found = results_of(config_of("pose", data, tmp_path), tmp_path / "sfm")["pose"]
    assert found["metrics"]["MRE"]["value"] < 3 and found["metrics"]["MTE"]["value"] < 6
    score = ScoreConfig(str(perfect(data, tmp_path / "p.npy")))
    best = results_of(config_of("score", data, tmp_path, score=score), tmp_path / "perfect")["pose"]
    assert best["metrics"]["MRE"]["value"] == pytest.approx(0, abs=1e-5)
    assert best["metrics"]["AUC@3"]["value"] == 1
