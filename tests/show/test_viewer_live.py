"""Splats in the viewer while they are trained: what is shown, that results are the same, how it ends."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hw4.config import Config, EvalConfig, InitConfig, SampleConfig, SplatConfig, ViewConfig
from hw4.config.root import CacheConfig, ReportConfig, WandbConfig
from hw4.core.errors import ConfigError
from hw4.data.scenes.scene import Scene, TestViews
from hw4.jobs.run import run_job
from hw4.launch.sweep import plan
from hw4.models.sfm.config import SfmConfig
from hw4.show.viewer import live
from hw4.show.viewer.live import LiveViewer
from hw4.splat.pictures import strip
from hw4.splat.training.listeners import Listeners
from hw4.splat.training.step import TrainingRun
from hw4.splat.training.train import TrainResult, train
from tests.support.report_folders import results_of
from tests.support.splat_scenes import true_scene

pytestmark = pytest.mark.slow

SPLAT = SplatConfig(
    iterations=6,
    log_every=2,
    video_frames=0,
    background="random",
    init=InitConfig(max_points=200),
    eval=EvalConfig(lpips_download=False),
    densify=replace(SplatConfig().densify, strategy="default", every=2, start=0, stop=5, grad_threshold=1e-6),
)


class Client:
    """A browser that looks, as far as the viewer asks it."""

    def __init__(self) -> None:
        self.camera = SimpleNamespace(aspect=1.5)

    def atomic(self) -> Any:
        return contextlib.nullcontext()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Somebody looks through a held-out camera from the second iteration on; what they see, by iteration."""
    shown: list[dict[str, Any]] = []
    say = LiveViewer._say

    def note(viewer: LiveViewer, run: TrainingRun) -> None:
        say(viewer, run)
        assert viewer._drawing is not None and viewer._drawing.splats is not None
        means = run.gaussians["means"].detach().numpy()
        np.testing.assert_array_equal(viewer._drawing.splats.centers, means.astype(float))
        picture = viewer.picture.image.copy() if viewer.picture.visible else None
        shown.append({"step": run.step, "words": viewer.words.content.replace("\\", ""), "picture": picture})
        viewer.through.value = next(name for name in viewer.through.options if name.startswith("test "))

    monkeypatch.setattr(LiveViewer, "_say", note)
    monkeypatch.setattr("viser.ViserServer.get_clients", lambda self: {0: Client()})
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    monkeypatch.setattr(live, "SHARE", 1e9)
    yield shown


def job(tmp_path: Path, name: str, **options: Any) -> dict[str, Any]:
    data = SampleConfig(root=str(tmp_path / "sample"), pairs=1, frames=3, width=64, height=48)
    config = Config(
        task="splat",
        model=SfmConfig(),
        data=data,
        splat=SPLAT,
        view=ViewConfig(**options),
        wandb=WandbConfig(mode="disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(tmp_path / f"cache {name}")),
    )
    with (tmp_path / f"{name}.log").open("w") as log:
        run_job(config, tmp_path / name, Console(file=log, width=200))
    return results_of(tmp_path / name)["splat"]


def test_results_are_the_same_and_the_training_is_seen(tmp_path: Path, seen: list[dict[str, Any]]) -> None:
    plain, watched = job(tmp_path, "plain"), job(tmp_path, "watched", live=True, port=8500)
    for key in ("psnr", "ssim", "initial_psnr", "views", "history", "n_gaussians"):
        assert watched[key] == plain[key], key
    plies = [(tmp_path / name / "splat" / "gaussians.ply").read_bytes() for name in ("plain", "watched")]
    assert plies[0] == plies[1]

    assert [one["step"] for one in seen] == [1, 2, 3, 4, 5, 6, 6]
    assert f"At iteration 4: loss {plain['history'][1]['loss']:.4f}" in seen[4]["words"]
    assert seen[-1]["words"].startswith("**Training is over, at iteration 6 of 6**")
    assert seen[0]["picture"] is None and seen[1]["picture"] is not None
    # At the end what is looked at is what is scored: the strip that the run has of that view.
    with Image.open(sorted((tmp_path / "watched" / "splat" / "strips").iterdir())[0]) as image:
        kept = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(seen[-1]["picture"], kept)
    assert not np.array_equal(seen[1]["picture"], kept), "the render goes on with the training"
    width = kept.shape[1] // 3
    np.testing.assert_array_equal(kept, strip(kept[:, :width], kept[:, width : 2 * width]))

    # The server ended with the run, and a result of the cache says why nothing was shown.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 8500))
    assert "Live: http://localhost:8500" in (tmp_path / "watched.log").read_text()
    job(tmp_path, "watched", live=True)
    assert len(seen) == 7 and "nothing is trained" in (tmp_path / "watched.log").read_text()


class Watched:
    """A training of a small world with a viewer, and what that warns of."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.viewer = LiveViewer("127.0.0.1", 8520, self.said.append)
        self.folder = folder

    def train(self) -> TrainResult:
        scene, start = true_scene()
        scene = replace(scene, paths=[self.folder / name for name in scene.names])
        no_views = TestViews([], [], None, None, None, None)
        state = self.viewer.watch(Scene(self.folder, "photos", scene, no_views), start)
        return train(scene, start, replace(SPLAT, sh_degree=0), self.folder, Listeners(state=state))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.viewer.stop()


def test_a_viewer_that_fails_ends_no_training(
    watched: Watched, seen: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(live, "splat_arrays", fail)
    assert watched.train().steps == SPLAT.iterations and seen == []
    assert watched.said == ["view.live shows no more of the training (RuntimeError: no memory)"]


def test_nothing_is_made_where_nobody_looks(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    show = LiveViewer._show
    monkeypatch.setattr(LiveViewer, "_show", lambda self, run: (shown.append(run.step), show(self, run)))
    watched.train()
    assert shown == []
    watched.viewer._greet(Client())
    assert shown == [6], "who comes late sees the end"
    assert "No view is held out." in watched.viewer.words.content.replace("\\", "")


def test_where_there_is_nothing_to_watch_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"view.live=true shows splats .* task=pose trains none"):
        Config(task="pose", view=ViewConfig(live=True))
    with pytest.raises(ConfigError, match="view.live=true watches one training, and a sweep has many"):
        plan(["task=splat", "view.live=true", "splat.lr=1e-4,2e-4"], multirun=True)
