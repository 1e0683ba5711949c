"""Every command of README and docs runs: on small data, with the user's paths replaced by fixtures."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from hw4.config import Config, PairsConfig, SampleConfig, SceneConfig
from hw4.config.model import NetworkConfig
from hw4.config.root import CacheConfig, PretrainConfig, ScoreConfig, WandbConfig
from hw4.core.errors import UserError
from hw4.data.sample import ensure_sample
from hw4.jobs.run import run_job
from hw4.launch.list_runs import list_runs
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.external.config import ExternalConfig
from hw4.models.mast3r.config import Mast3rConfig
from hw4.models.registry import models
from tests.support.cli import hw4, plan
from tests.support.homework import write_homework
from tests.support.pages import commands
from tests.support.paths import ROOT
from tests.support.report_folders import POSE, write_pose_job

pytestmark = pytest.mark.slow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PHOTOS = 4
SMALL_SAMPLE = SampleConfig(pairs=2, frames=3, width=64, height=48)


def kind(command: str) -> str:
    """What has to be done to try a command."""
    if command.startswith("python -m hw4"):
        words = shlex.split(command)[3:]
        if words[:1] == ["runs"]:
            return "listing"
        if words[:1] in (["doctor"], ["cache"]):
            return "printing"
        if any(word.startswith("--") for word in words):
            return "printing"
        return "launched" if any(word.startswith("hydra") for word in words) else "job"
    return command.split()[0]


def of(wanted: str) -> list[str]:
    return [command for command in commands() if kind(command) == wanted]


JOBS = [*of("job"), *(["python -m hw4"] if "python -m hw4" not in of("job") else [])]
DEMO = re.search(r"^demo: setup.*\n\t\$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
JOBS.append(DEMO[1] if DEMO else "make demo runs no python")
# What makes a command that Hydra itself must run small; the sizes of a network's weights are its own.
LAUNCHED = {
    "hydra/launcher=joblib": ["model.weights=tiny", "data.pairs=1"],
    "hydra/sweeper=optuna": [
        *("splat.iterations=2", "splat.video_frames=0", "splat.init.max_points=200"),
        *("splat.eval.lpips_download=false", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1"),
    ],
}


def test_every_command_is_tried() -> None:
    assert len(JOBS) > 25
    tried = ("job", "launched", "listing", "printing", "python", "make", "pip", "wandb")
    assert {kind(command) for command in commands()} <= set(tried)
    # test_cli, test_doctor and test_cache read what these print.
    printing = {command.removeprefix("python -m hw4 ") for command in of("printing")}
    assert printing == {"--cfg job", "--help", "doctor", "cache", "cache --older 30d --clear"}


def typed(command: str, cwd: Path, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command as a shell runs it, with this environment's programs first."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    line = " ".join([command, *map(shlex.quote, more)])
    options = {"capture_output": True, "text": True, "timeout": 240, "cwd": cwd}
    return subprocess.run(["bash", "-c", line], env={**os.environ, "PATH": path, **env}, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("command", of("launched"))
def test_commands_that_hydra_runs(command: str, tmp_path: Path) -> None:
    (small,) = [options for key, options in LAUNCHED.items() if key in command]
    sample = ["data.width=64", "data.height=48", "data.frames=3", "metrics.bootstrap=20", "wandb=disabled"]
    # -v: the launcher's own words, which say that it was asked.
    mine = [*small, *sample, "hydra.sweep.dir=sweep", "cache.root=cache", "-v"]
    done = hw4(tmp_path, *shlex.split(command)[3:], *mine)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("sweep/*/results.json"))]
    assert {job["status"] for job in jobs} == {"ok"}
    if "joblib" in command:
        assert len(jobs) == 4 and "Joblib.Parallel(n_jobs=2" in done.stdout
    else:
        best = yaml.safe_load((tmp_path / "sweep" / "optimization_results.yaml").read_text())["best_value"]
        scores = [job["splat"]["psnr"] for job in jobs]
        assert len(set(scores)) == 2 and best == pytest.approx(max(scores))


@pytest.mark.parametrize("command", of("listing"))
def test_listings(command: str, tmp_path: Path) -> None:
    errors = {"outputs/2026-11-24/13-45-02": 9.0, "multirun/2026-11-24/14-00-00/0": 4.0}
    for folder, error in errors.items():
        write_pose_job(tmp_path / folder, POSE, [error, error])
    folders = [str(tmp_path / "outputs"), str(tmp_path / "multirun")]
    rows = list_runs([*folders, *shlex.split(command)[4:]]).rows
    found = [str(Path(row[0]).relative_to(tmp_path)) for row in rows]
    assert set(found) == set(errors)
    if "--sort=MRE" in command:
        assert found == sorted(errors, key=lambda folder: errors[folder])


@pytest.mark.parametrize("command", of("make"))
def test_make_knows_its_targets(command: str) -> None:
    first = command.split("&&")[0].split("PYTHON")[0].replace("...", "demo").split()
    done = subprocess.run([first[0], "-n", *first[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.parametrize("command", of("pip"))
def test_extras_exist(command: str) -> None:
    extras = [extra for listed in re.findall(r"\[([\w,]+)\]", command) for extra in listed.split(",")]
    with (ROOT / "pyproject.toml").open("rb") as file:
        known = tomllib.load(file)["project"]["optional-dependencies"]
    assert set(extras) <= set(known)


@pytest.mark.parametrize("command", of("python"))
def test_scripts_start_and_say_what_they_need(command: str, tmp_path: Path) -> None:
    script = shlex.split(command.replace("<entity>", "somebody"))
    if script[1] == "-m":
        # Minutes of networks: whether it begins.
        assert typed(f"{command} --help", ROOT).returncode == 0
        return
    assert script[1] == "scripts/wandb_workspace.py"
    pytest.importorskip("wandb_workspaces", reason="the extra `workspace` is not installed")
    env = {"WANDB_BASE_URL": "http://127.0.0.1:9", "NETRC": str(tmp_path / "none"), "WANDB_API_KEY": ""}
    done = typed(shlex.join(script), ROOT, **env)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.count("check `wandb login` and that the project exists") == 1


# Those of W&B's own sweeps are tried in tests/tracking/test_wandb_sweep.py.
@pytest.mark.parametrize("command", [one for one in of("wandb") if one.startswith("wandb sync")])
def test_an_offline_run_can_be_synced(command: str, data: Path, tmp_path: Path) -> None:
    """As far as it goes without an account: W&B finds the run and its file where the pages say."""
    out = tmp_path / "outputs" / "2026-11-24" / "13-45-02"
    config = small(Config(task="score", data=PairsConfig(root="/data/pairs")), data)
    config = replace(config, score=ScoreConfig(predictions=str(data / "p.npy")))
    cameras = {str(idx): np.tile(np.eye(4), (2, 1, 1)) for idx in range(2)}
    np.save(data / "p.npy", np.array(cameras, dtype=object), allow_pickle=True)
    run_job(replace(config, wandb=WandbConfig(mode="offline")), out, Console(quiet=True))
    real = command.replace("<date>", "2026-11-24").replace("<time>", "13-45-02")
    done = typed(real, tmp_path, "--dry-run", WANDB_API_KEY="", WANDB_BASE_URL="http://127.0.0.1:9")
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "1 run" in said and ".wandb" in said, said


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the user's /data: pairs, a scene, a folder of photos."""
    root = tmp_path_factory.mktemp("data")
    sample = ensure_sample(replace(SMALL_SAMPLE, root=str(root / "sample")))
    shutil.copytree(sample, root / "pairs")
    for frames in (root / "pairs" / "interpolated").iterdir():
        for generator in ("real", "dynamicrafter"):
            shutil.copytree(frames / "sample", frames / generator)
    write_homework(root, replace(SMALL_SAMPLE, pairs=3, root=str(root / "three")))
    (root / "scene").symlink_to(sample / "scene")
    # Structure from motion needs photos with something to match.
    large = ensure_sample(SampleConfig(root=str(root / "large"), pairs=1, frames=3))
    (root / "photos").mkdir()
    for photo in sorted((large / "scene" / "images").iterdir())[:PHOTOS]:
        shutil.copy(photo, root / "photos")
    return root


def small(config: Config, data: Path) -> Config:
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
    if isinstance(model, Mast3rConfig):
        model = replace(model, sparse=replace(model.sparse, niter1=2, niter2=2))
    if isinstance(model, ExternalConfig):
        model = replace(model, command=[sys.executable, str(ROOT / model.command[-1])])
    if isinstance(model, NetworkConfig):
        if model.weights == "official":
            known = models()[model.name].weights
            model = replace(model, weights="tiny" if known and known().tiny else "random")
        # The recipes' sizes are for photographs.
        if model.image_size is not None:  # type: ignore[attr-defined]
            model = replace(model, image_size=64)
    splat = replace(
        splat,
        iterations=3,
        video_frames=2,
        init=replace(splat.init, max_points=300),
        eval=replace(splat.eval, lpips_download=False),
    )
    if splat.render.ply:
        splat = replace(splat, render=replace(splat.render, ply=str(data / splat.render.ply)))
    # The others' reports are tried in tests/report.
    report = replace(config.report, auto=config == Config() or config.report != Config().report)
    if report.dir:
        report = replace(report, dir=str(data / "finished"))
    view = config.view
    if view.run:
        beside = view.beside and str(data / "other")
        view = replace(view, run=str(data / "finished"), beside=beside, seconds=0.1)
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
        wandb=replace(config.wandb, mode="disabled" if config.wandb.mode == "auto" else config.wandb.mode),
        # What one command predicts another may read, as on the user's machine.
        cache=CacheConfig(root=str(data / "cache")),
    )


@pytest.fixture
def files(data: Path) -> Iterator[None]:
    """Files that recipes take as given: predictions and trained Gaussians."""
    import torch

    from hw4.splat.gaussians import make_gaussians, save_ply

    if not (data / "finished").exists():
        write_pose_job(data / "finished", POSE, [4.0, None])
        write_pose_job(data / "other", POSE, [5.0])
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
    # Read by huggingface_hub from HF_HUB_OFFLINE when it is first imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    words = shlex.split(command)[3:]
    multirun = "-m" in words
    overrides = [f"+{w}" if w.startswith("experiment=") else w for w in words if w != "-m"]
    jobs = plan(overrides, multirun).jobs
    assert jobs
    for number, job in enumerate(jobs):
        config = small(job, data)
        out_dir = tmp_path / str(number)
        if getattr(job.model, "weights", "") == "official":
            official = replace(config, model=replace(config.model, weights="official"))  # type: ignore[call-arg]
            with pytest.raises(UserError, match=r"cannot be fetched from the hub .*give model.weights="):
                run_job(official, out_dir, Console(quiet=True))
        if config.wandb.mode == "online":
            with pytest.raises(UserError, match="wandb=online could not start"):
                run_job(config, out_dir, Console(quiet=True))
            config = replace(config, wandb=replace(config.wandb, mode="disabled"))
        run_job(config, out_dir, Console(quiet=True))
        assert json.loads((out_dir / "results.json").read_text())["status"] == "ok"
