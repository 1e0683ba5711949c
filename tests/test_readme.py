"""Every command of the README runs: on small data, with the user's paths replaced by fixtures."""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hw4.config import Config, PairsConfig, SampleConfig, SceneConfig
from hw4.config.model import Dust3rConfig, NetworkConfig
from hw4.config.root import CacheConfig, PretrainConfig
from hw4.data.sample import ensure_sample
from hw4.errors import UserError
from hw4.jobs.run import run_job
from hw4.launch.sweep import plan
from hw4.report.listing import list_runs

from .report_folders import POSE, write_pose_job

ROOT = Path(__file__).resolve().parents[1]
SMALL_SAMPLE = SampleConfig(pairs=2, frames=3, width=64, height=48)


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    found = [line.split(" #")[0].strip() for line in blocks.splitlines()]
    found += re.findall(r"`([^`]+)`", "\n".join(line for line in text.splitlines() if line.startswith("|")))
    return list(dict.fromkeys(c for c in found if c.startswith(("python ", "hw4 ", "make "))))


JOBS = [c for c in commands() if c.startswith("python -m hw4 ") and " --" not in c] + ["python -m hw4"]
# A search composes its jobs while it runs: test_sweep_launchers runs one.
JOBS = [c for c in JOBS if "hydra/sweeper" not in c]
DEMO = re.search(r"^demo: setup\n\t\$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
JOBS.append(DEMO[1] if DEMO else "make demo runs no python")


def test_the_readme_has_commands() -> None:
    assert len(JOBS) > 15
    # These are what .ci/run, the Makefile, test_cli and test_sweep_launchers run.
    others = {c for c in commands() if c not in JOBS and "hydra/sweeper" not in c}
    listings = {c for c in others if c.startswith("python -m hw4 runs ")}
    for command in listings:
        assert list_runs([str(ROOT / "conf"), *shlex.split(command)[4:]]).rows == []
    assert others - listings == {"make demo", "make test", "python -m hw4 --cfg job"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the user's /data: pairs, a scene, a folder of photos."""
    root = tmp_path_factory.mktemp("data")
    sample = ensure_sample(replace(SMALL_SAMPLE, root=str(root / "sample")))
    shutil.copytree(sample, root / "pairs")
    for frames in (root / "pairs" / "interpolated").iterdir():
        for generator in ("real", "dynamicrafter"):
            shutil.copytree(frames / "sample", frames / generator)
    (root / "hw4_1_data").mkdir()
    (root / "hw4_1_data" / "public").symlink_to(root / "pairs")
    (root / "scene").symlink_to(sample / "scene")
    # Structure from motion needs photos with something to match.
    large = ensure_sample(SampleConfig(root=str(root / "large"), pairs=1, frames=3))
    shutil.copytree(large / "scene" / "images", root / "photos")
    return root


def small(config: Config, data: Path, tmp_path: Path) -> Config:
    """The same command on less data and fewer steps; what the user's machine has is replaced by fixtures."""
    source, model, splat = config.data, config.model, config.splat
    if isinstance(source, SampleConfig):
        source = replace(SMALL_SAMPLE, root=str(data / "sample"))
    if isinstance(source, PairsConfig | SceneConfig):
        source = replace(source, root=source.root.replace("/data", str(data)))
        if isinstance(source, PairsConfig):
            source = replace(source, limit=2, sample=None if source.sample is None else 1)
    if isinstance(model, Dust3rConfig):
        model = replace(model, alignment=replace(model.alignment, iterations=3))
    if isinstance(model, NetworkConfig) and model.weights == "tiny":
        model = replace(model, weights="random")
    splat = replace(
        splat,
        iterations=3,
        video_frames=2,
        init=replace(splat.init, max_points=300),
        eval=replace(splat.eval, lpips_download=False),
    )
    if splat.render.ply:
        splat = replace(splat, render=replace(splat.render, ply=str(data / splat.render.ply)))
    report = config.report
    if report.dir:
        report = replace(report, dir=str(data / "finished"))
    view = config.view
    if view.run:
        view = replace(view, run=str(data / "finished"), seconds=0.1)
    demo = config.demo
    if demo.images:
        demo = replace(demo, images=demo.images.replace("/data", str(data)))
    score = config.score
    if score.predictions:
        score = replace(score, predictions=str(data / score.predictions))
    return replace(
        config,
        data=source,
        model=model,
        splat=splat,
        score=score,
        report=report,
        demo=demo,
        view=view,
        metrics=replace(config.metrics, bootstrap=20),
        pretrain=PretrainConfig(steps=1, batch_size=1, views=2, workers=0, validation_scenes=1),
        wandb=replace(config.wandb, mode="disabled" if config.wandb.mode == "offline" else config.wandb.mode),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )


@pytest.fixture
def files(data: Path) -> Iterator[None]:
    """Files that recipes take as given: predictions and trained Gaussians."""
    import torch

    from hw4.splat.gaussians import make_gaussians, save_ply

    if not (data / "finished").exists():
        write_pose_job(data / "finished", POSE, [4.0, None])
    cameras = {str(idx): np.tile(np.eye(4), (2, 1, 1)) for idx in range(2)}
    np.save(data / "predictions.npy", np.array(cameras, dtype=object), allow_pickle=True)
    torch.manual_seed(0)
    points = np.random.default_rng(0).normal(size=(20, 3))
    save_ply(make_gaussians(points, np.full((20, 3), 99, np.uint8), 0, 0.5), data / "gaussians.ply")
    yield


@pytest.mark.parametrize("command", JOBS)
def test_command(
    command: str, data: Path, files: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    words = shlex.split(command)[3:]
    multirun = "-m" in words
    overrides = [f"+{w}" if w.startswith("experiment=") else w for w in words if w != "-m"]
    jobs = plan(overrides, multirun).jobs
    assert jobs
    for number, job in enumerate(jobs):
        config = small(job, data, tmp_path)
        needs_network = config.wandb.mode == "online" or getattr(config.model, "weights", "") == "official"
        if needs_network:
            with pytest.raises(UserError, match="wandb offline|wandb=offline|No network|model.weights"):
                run_job(config, tmp_path / str(number), Console(quiet=True))
            continue
        run_job(config, tmp_path / str(number), Console(quiet=True))
        assert (tmp_path / str(number) / "results.json").is_file()
