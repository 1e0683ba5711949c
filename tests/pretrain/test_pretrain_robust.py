"""Pretraining on devices, after a kill, with another configuration, and when it goes wrong."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from hw4.config import Config, PretrainConfig
from hw4.config.root import CacheConfig
from hw4.core.durable import JsonlLog
from hw4.core.errors import ConfigError, UserError
from hw4.jobs.context import JobContext
from hw4.jobs.pretrain import run_pretraining
from hw4.models.network.training import Views
from hw4.models.registry import trainable
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.upstream import import_pose_encoding as import_vggt_pose_encoding
from hw4.pretrain import train
from hw4.pretrain.batches import SceneStream
from hw4.pretrain.checkpoint import PretrainState
from hw4.pretrain.export import export_weights
from hw4.pretrain.train import new_state, run_pretrain, train_step
from hw4.pretrain.validate import validate
from hw4.tracking.tracker import Tracker
from tests.support.cli import hw4
from tests.support.pretraining import NAMES, QUICK

pytestmark = pytest.mark.slow


class OnDevice(torch.Tensor):
    """A stand-in for a tensor on a GPU: numpy cannot see it before `.cpu()`."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        result = super().__torch_function__(func, types, args, kwargs or {})
        return result.as_subclass(torch.Tensor) if func is torch.Tensor.cpu else result


def on_device(views: Views, _: object = None) -> Views:
    tensors = (views.images, views.depth, views.cam_from_world, views.K)
    return Views(*(tensor.as_subclass(OnDevice) for tensor in tensors))


@pytest.mark.parametrize("name", NAMES)
def test_training_and_validation_stay_on_the_device(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def look(_: object, inputs: tuple[Any, ...]) -> None:
        given = inputs[0]["img"] if isinstance(inputs[0], dict) else inputs[0]
        seen.append(isinstance(given, OnDevice))

    def build() -> torch.nn.Module:
        network = original.build()
        network.register_forward_pre_hook(look)
        return network

    original = trainable(name)
    monkeypatch.setattr(train, "trainable", lambda _: replace(original, build=build))
    monkeypatch.setattr(Views, "to", on_device)
    result = run_pretrain(name, PretrainConfig(steps=1, **QUICK), tmp_path)
    # One training step and one validation.
    assert seen == [True, True]
    assert result.validation["val/rotation_deg"] is not None


class Truth(torch.nn.Module):
    """A network that knows the answer, and has one weight that changes nothing."""

    def __init__(self, name: str, views: Views) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.name, self.views = name, views
        self.saw: list[torch.dtype] = []

    def forward(self, *_: Any) -> Any:
        views = self.views
        self.saw.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        with torch.autocast("cpu", enabled=False):
            points, nothing = views.pts3d(), 0 * self.weight
            if self.name == "dust3r":
                back = Views(
                    views.images.flip(1),
                    views.depth.flip(1),
                    views.cam_from_world.flip(1) @ torch.linalg.inv(views.cam_from_world[:, 1:]),
                    views.K,
                ).pts3d()
                first, second = (torch.cat([points[:, i], back[:, i]]) + nothing for i in range(2))
                conf = torch.ones(first.shape[:3])
                return {"pts3d": first, "conf": conf}, {"pts3d_in_other_view": second, "conf": conf}
            scale = points.norm(dim=-1).mean(dim=(1, 2, 3))
            cameras = views.cam_from_world[:, :, :3].clone()
            cameras[..., 3] /= scale[:, None, None]
            Ks = views.K.expand(*cameras.shape[:2], 3, 3)
            encode = import_vggt_pose_encoding().extri_intri_to_pose_encoding
            encoding = encode(cameras, Ks, tuple(views.depth.shape[-2:]))
            encoding[..., 3:7] *= torch.where(encoding[..., 6:7] < 0, -1.0, 1.0)
            conf = torch.ones(views.depth.shape)
            return {
                "pose_enc_list": [encoding + nothing],
                "depth": (views.depth / scale[:, None, None, None])[..., None],
                "depth_conf": conf,
                "world_points": points / scale[:, None, None, None, None],
                "world_points_conf": conf,
            }


@pytest.mark.parametrize("name", NAMES)
def test_truth_and_losses_are_float32_where_the_network_is_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "training_dtype", lambda _: torch.bfloat16)
    views = SceneStream(3, 2, 2).batch(0)
    network = Truth(name, views)
    state = PretrainState(name, network, network, torch.optim.AdamW(network.parameters()))
    parts = train_step(state, views, PretrainConfig())
    assert network.saw == [torch.bfloat16]
    # In bfloat16 the true points themselves are off by centimetres.
    errors = [parts[key] for key in ("regression", "camera", "depth", "points") if key in parts]
    assert len(errors) in (1, 3) and max(errors) < 1e-5


def context(folder: Path, out: str, **pretrain: Any) -> JobContext:
    config = Config(
        task="pretrain",
        model=VggtConfig(device="cpu"),
        pretrain=PretrainConfig(**{"steps": 4, **QUICK, **pretrain}),
        cache=CacheConfig(root=str(folder / "cache")),
    )
    return JobContext(config, folder / out, Console(file=io.StringIO()), Tracker(), {})


def test_the_same_command_goes_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = context(tmp_path / "whole", "out")
    run_pretraining(whole)
    steps: list[int] = []

    def killed(state: Any, views: Any, config: Any) -> dict[str, float]:
        if state.step == 3 and len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(state.step)
        return train_step(state, views, config)

    monkeypatch.setattr(train, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        run_pretraining(context(tmp_path, "first"))
    # Another run folder, as a new command has one.
    again = context(tmp_path, "second")
    run_pretraining(again)
    assert steps == [0, 1, 2, 2, 3], "it went on from the checkpoint at step 2"
    files = [Path(one.results["pretrain"]["weights"]) for one in (whole, again)]
    uninterrupted, resumed = load_file(files[0]), load_file(files[1])
    assert all(torch.equal(value, resumed[key]) for key, value in uninterrupted.items())
    # Finished: nothing is trained, unless the user wants nothing reused.
    run_pretraining(context(tmp_path, "third"))
    assert len(steps) == 5
    other = context(tmp_path, "fourth", seed=1)
    run_pretraining(other)
    assert Path(other.results["pretrain"]["weights"]).parent != files[1].parent
    anew = context(tmp_path, "fifth")
    anew.config.cache.reuse = False
    run_pretraining(anew)
    assert steps[5:] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_another_configuration_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    run_pretrain("dust3r", PretrainConfig(steps=1, **QUICK), tmp_path)
    for name, changed, words in (
        ("vggt", {}, "it was trained with model=dust3r and not vggt;"),
        ("dust3r", {"lr": 0.5, "steps": 2}, "pretrain.steps=1 and not 2, pretrain.lr=0.001 and not 0.5;"),
    ):
        with pytest.raises(UserError) as caught:
            run_pretrain(name, PretrainConfig(**{"steps": 1, **QUICK, **changed}), tmp_path)
        assert words in str(caught.value) and "\n" not in str(caught.value)
    # Who renders the views, and where to, changes no weight.
    run_pretrain("dust3r", PretrainConfig(**{"steps": 1, **QUICK, "workers": 1, "out": "x"}), tmp_path)


def test_the_log_has_each_step_once_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = PretrainConfig(steps=4, **QUICK)

    def killed(state: Any, views: Any, options: Any) -> dict[str, float]:
        if state.step == 2:
            # What a training logged between its last checkpoint and its end.
            JsonlLog(tmp_path / "metrics.jsonl").append({"step": 2, "loss": 1.0})
            JsonlLog(tmp_path / "metrics.jsonl").append({"step": 3, "loss": 9.0})
            raise KeyboardInterrupt
        return train_step(state, views, options)

    with monkeypatch.context() as patched:
        patched.setattr(train, "train_step", killed)
        with pytest.raises(KeyboardInterrupt):
            run_pretrain("dust3r", config, tmp_path)
    run_pretrain("dust3r", config, tmp_path)
    records = JsonlLog(tmp_path / "metrics.jsonl").read()
    assert [record["step"] for record in records] == [2, 4]


class Broken(torch.nn.Module):
    def forward(self, *inputs: Any) -> Any:
        if isinstance(inputs[0], dict):
            points = torch.full((len(inputs[0]["img"]), 48, 64, 3), float("nan"))
            return {"pts3d": points}, {"pts3d_in_other_view": points}
        shape = inputs[0].shape[:2]
        return {
            "world_points": torch.full((*shape, 48, 64, 3), float("nan")),
            "pose_enc": torch.full((*shape, 9), float("nan")),
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_network_fails_in_every_pair(name: str) -> None:
    pairs = SceneStream(1, 6, 2).batch(0)
    result = validate(name, Broken(), pairs)
    assert (result.rotation_deg, result.n_failed, result.points) == (180.0, 6, None)


def test_no_pair_of_a_width_has_no_mean() -> None:
    pairs = SceneStream(1, 2, 2).batch(0)
    pairs.cam_from_world[:, 1] = pairs.cam_from_world[:, 0]
    result = validate("vggt", Broken(), pairs)
    assert result.wide_deg is None and result.overlap_deg == 180.0


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_weights_that_no_file_can_hold_are_not_exported(value: float, tmp_path: Path) -> None:
    config = PretrainConfig(steps=1, **QUICK)
    state = new_state("vggt", config, torch.device("cpu"))
    with torch.no_grad():
        next(state.ema.parameters()).fill_(value)
    result = train.PretrainResult("vggt", state.ema, 1, 0.0, {})
    with pytest.raises(UserError, match="not exported: 1 of"):
        export_weights(result, config, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize(
    "bad", [{"weight_decay": float("nan")}, {"weight_decay": -1.0}, {"grad_clip": -1.0}, {"seed": -1}]
)
def test_impossible_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"pretrain.{next(iter(bad))}=.* is impossible"):
        PretrainConfig(**bad)


def test_full_disk_at_a_checkpoint_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hw4.core.durable.os.fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device\. Free some space"):
        run_pretrain("dust3r", PretrainConfig(**{"steps": 2, **QUICK, "checkpoint_every": 1}), tmp_path)


def test_a_folder_that_cannot_be_made_names_its_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    given = context(tmp_path, "out")
    given.config.pretrain.out = str(tmp_path / "file" / "below")
    with pytest.raises(UserError, match=r"Not a directory; give another pretrain\.out="):
        run_pretraining(given)
    with pytest.raises(UserError, match=r"Not a directory; give another cache\.root="):
        run_pretraining(context(tmp_path / "file", "out"))


def test_the_command_tells_how_far_it_is_and_nothing_else(tmp_path: Path) -> None:
    settings = [f"pretrain.{key}={value}" for key, value in {**QUICK, "steps": 2}.items()]
    done = hw4(tmp_path, "task=pretrain", "wandb=disabled", "hydra.run.dir=out", "cache.root=c", *settings)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "pretrain [2/2] loss " in done.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert Path(tmp_path / results["pretrain"]["weights"]).parent.parent == tmp_path / "c" / "pretrain"
