"""What a splat job keeps and takes from its cache: training apart from scores, logs told again."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from rich.console import Console

from hw4.config import Config
from hw4.config.splat import EvalConfig, RenderConfig
from hw4.core.cache import using
from hw4.core.errors import UserError
from hw4.data.scenes.scene import load_scene
from hw4.jobs.run import run_job
from hw4.splat import video as video_module
from hw4.splat.training.step import TrainingRun
from hw4.tracking.tracker import Tracker
from tests.support.splat_jobs import make_config, run

pytestmark = pytest.mark.slow


@pytest.fixture
def root(scene_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene_root, tmp_path / "scene"))


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From the moment it is called, an iteration of training fails the test."""
    return lambda: monkeypatch.setattr(TrainingRun, "advance", lambda _: pytest.fail("trained"))


@pytest.fixture
def no_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch would find LPIPS's backbone; nothing is there."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
@pytest.mark.parametrize("task", ["splat", "render"])
def test_gsplat_without_a_gpu_is_said_before_anything_is_done(root: Path, tmp_path: Path, task: str) -> None:
    ply = tmp_path / "g.ply"
    ply.write_bytes(b"never read")
    for photo in (root / "images").iterdir():
        photo.write_bytes(b"never opened")
    config = make_config(root, tmp_path, rasterizer="gsplat", render=RenderConfig(ply=str(ply)))
    with pytest.raises(UserError, match=r"needs a CUDA device .* splat\.rasterizer=cpu"):
        run(replace(config, task=task), tmp_path / "out")


def with_splat(config: Config, **changes: Any) -> Config:
    return replace(config, splat=replace(config.splat, **changes))


def test_scoring_and_logging_are_no_reason_to_train_again(
    root: Path, tmp_path: Path, no_training: Any
) -> None:
    config = make_config(root, tmp_path)
    first = run(config, tmp_path / "first")["splat"]
    no_training()
    changes: list[dict[str, Any]] = [
        {"eval": EvalConfig(lpips_download=False, align_test_views=True, align_iterations=3)},
        {"log_every": 1},
        {"render_every": 1, "checkpoint_every": 1},
        {"video_frames": 5},
        {"video_frames": 0},
    ]
    found = [run(with_splat(config, **c), tmp_path / str(i))["splat"] for i, c in enumerate(changes)]
    assert found[0]["aligned_test_views"] and found[0]["psnr"] > first["psnr"]
    assert found[1]["reused"] and found[1]["views"] == first["views"]
    assert found[0]["train_seconds"] == first["train_seconds"]
    assert "video" not in found[4]["files"]
    for name, frames in (("first", 3), ("3", 5)):
        video = tmp_path / name / "splat" / "flythrough.mp4"
        assert video_module.count_frames_and_secs(str(video))[0] == frames
    # The scores of the first run are still there.
    assert run(config, tmp_path / "again")["splat"]["reused"]


def test_without_reuse_everything_is_made_anew(root: Path, tmp_path: Path, no_training: Any) -> None:
    config = make_config(root, tmp_path)
    run(config, tmp_path / "first")
    no_training()
    anew = replace(config, cache=replace(config.cache, reuse=False))
    with pytest.raises(pytest.fail.Exception, match="trained"):
        run(anew, tmp_path / "anew")


def test_lpips_is_scored_once_its_weights_are_there(
    root: Path, tmp_path: Path, no_training: Any, no_backbone: Path
) -> None:
    config = make_config(root, tmp_path, eval=EvalConfig(lpips_net="alex", lpips_download=False))
    first = run(config, tmp_path / "first")["splat"]
    assert first["lpips"] is None and run(config, tmp_path / "again")["splat"]["reused"]
    no_training()
    backbone = torchvision.models.alexnet(weights=None).state_dict()
    torch.save(backbone, no_backbone / "alexnet-owt-7be5be79.pth")
    scored = run(config, tmp_path / "scored")["splat"]
    assert scored["lpips"] > 0 and "lpips" not in scored["missing"] and not scored["reused"]
    assert scored["psnr"] == first["psnr"]


def test_a_damaged_test_photo_costs_its_score_and_nothing_else(
    root: Path, tmp_path: Path, no_training: Any
) -> None:
    config = make_config(root, tmp_path)
    photo = load_scene(root).test.paths[1]
    whole = photo.read_bytes()
    photo.write_bytes(whole[:200])
    with pytest.raises(UserError, match=f"cannot read image .*{photo.name}"):
        run(config, tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    splat = results["splat"]
    assert results["status"] == "incomplete"
    assert len(splat["views"]) == 3 and splat["psnr"] > 0
    assert "cannot read image" in splat["missing"][f"test view {photo.name}"]
    assert "scores are means over 3 of 4 test views" in splat["notes"]
    written = {path.name for path in (tmp_path / "out" / "splat").iterdir()}
    assert {"gaussians.ply", "curves.png", "flythrough.mp4", "renders"} <= written
    # Mended, it is scored, and nothing is trained again.
    no_training()
    photo.write_bytes(whole)
    assert len(run(config, tmp_path / "mended")["splat"]["views"]) == 4


def test_weights_that_are_not_there_are_said_before_training(
    root: Path, tmp_path: Path, no_training: Any
) -> None:
    no_training()
    config = make_config(root, tmp_path, eval=EvalConfig(lpips_weights=str(tmp_path / "none.pth")))
    with pytest.raises(UserError, match=r"splat\.eval\.lpips_weights=.*none\.pth does not exist"):
        run(config, tmp_path / "out")


def test_weights_that_do_not_fit_cost_lpips_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"junk")
    config = make_config(root, tmp_path, eval=EvalConfig(lpips_weights=str(tmp_path / "bad.pth")))
    with pytest.raises(UserError, match="cannot read the LPIPS weights"):
        run(config, tmp_path / "out")
    splat = json.loads((tmp_path / "out" / "results.json").read_text())["splat"]
    assert len(splat["views"]) == 4 and "cannot read" in splat["missing"]["lpips"]


def test_what_lies_beside_the_scene_does_not_matter(
    root: Path, tmp_path: Path, no_training: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    config = make_config(Path(), root)
    run(config, root / "outputs" / "first")
    (root / "notes.txt").write_text("mine")
    no_training()
    assert run(config, root / "outputs" / "second")["splat"]["reused"]


class Recorder(Tracker):
    """Keeps what a run logs."""

    def __init__(self) -> None:
        self.logged: list[dict[str, float | None]] = []
        self.images: list[tuple[str, Any, Any]] = []

    def log(self, values: dict[str, float | None], step: int | None = None) -> None:
        self.logged.append(values)

    def image(self, name: str, image: Path | np.ndarray, at: dict[str, float] | None = None) -> None:
        content = image.read_bytes() if isinstance(image, Path) else image.tobytes()
        self.images.append((name, content, at))


def test_a_reused_run_logs_what_the_first_one_logged(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trackers = [Recorder(), Recorder()]
    waiting = iter(trackers)
    monkeypatch.setattr("hw4.jobs.run.open_tracker", lambda *_, **__: next(waiting))
    config = make_config(root, tmp_path)
    run(config, tmp_path / "first")
    assert run(config, tmp_path / "second")["splat"]["reused"]
    first, second = trackers
    assert [v.get("splat/step") for v in first.logged] == [4, 8, 12, 12]
    assert [at for name, _, at in first.images if name == "splat/train/train_view"] == [
        {"splat/step": 6.0},
        {"splat/step": 12.0},
    ]
    assert first.logged[-1]["splat/psnr"] > 0
    assert second.logged == first.logged and second.images == first.images


def test_a_video_that_is_cut_short_is_missing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_training: Any
) -> None:
    config = make_config(root, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(video_module, "count_frames_and_secs", lambda _: (1, 0.03))
        with pytest.raises(UserError, match="could not encode the fly-through .frames are missing.*TMPDIR"):
            run(config, tmp_path / "out")
    splat = json.loads((tmp_path / "out" / "results.json").read_text())["splat"]
    assert "fly-through" in splat["missing"] and len(splat["views"]) == 4
    assert not list(tmp_path.rglob("flythrough.mp4"))
    no_training()
    again = run(config, tmp_path / "again")["splat"]
    assert again["missing"].keys() == {"lpips"} and Path(again["files"]["video"]).is_file()


def test_one_training_view_has_no_path_to_fly(root: Path, tmp_path: Path) -> None:
    (root / "sparse_3").rename(root / "sparse_1")
    images = root / "sparse_1" / "0" / "images.txt"
    lines = images.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    images.write_text(f"{lines[first]}\n\n")
    splat = run(make_config(root, tmp_path), tmp_path / "out")["splat"]
    assert splat["n_train"] == 1 and "video" not in splat["files"]
    assert "no fly-through: a path needs two training cameras" in splat["notes"]


def test_tiny_photos_are_trained_on_and_scored_as_far_as_possible(root: Path, tmp_path: Path) -> None:
    for path in (root / "images").iterdir():
        with Image.open(path) as image:
            image.resize((6, 4)).save(path)
    splat = run(make_config(root, tmp_path), tmp_path / "out")["splat"]
    assert splat["psnr"] > 0 and splat["ssim"] is None
    assert splat["missing"]["ssim"].endswith("is 6x4")


def test_a_flipped_byte_in_a_kept_file_is_said_and_made_again(
    root: Path, tmp_path: Path, no_training: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(root, tmp_path, video_frames=0)
    first = run(config, tmp_path / "first")["splat"]
    (kept,) = (tmp_path / "cache").glob("splat/*/scores-*")
    paths = [kept / "gaussians.ply", next(kept.glob("renders/*.png"))]
    whole = [path.read_bytes() for path in paths]
    for path, content in zip(paths, whole, strict=True):
        times = path.stat()
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        # A disk that rots changes no time.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    no_training()
    run_job(config, tmp_path / "again", Console(width=1000))
    assert f"{paths[0]} is not what was written there" in capsys.readouterr().out
    again = json.loads((tmp_path / "again" / "results.json").read_text())["splat"]
    assert not again["reused"] and again["psnr"] == first["psnr"]
    assert [path.read_bytes() for path in paths] == whole
    assert run(config, tmp_path / "third")["splat"]["reused"]


def test_a_small_cache_keeps_what_was_used_last(root: Path, tmp_path: Path) -> None:
    config = make_config(root, tmp_path, video_frames=0, iterations=3)
    small = replace(config, cache=replace(config.cache, max_gb=0.0))
    other = tmp_path / "cache" / "splat" / ("0" * 20)
    with using(other):
        result = run(small, tmp_path / "first")["splat"]
    assert [path.parent for path in (tmp_path / "cache").glob("splat/*/.used")] == [other]
    assert all(Path(path).is_file() for path in result["files"]["renders"]), "the run has its own"
    assert run(config, tmp_path / "second")["splat"]["psnr"] == result["psnr"]
