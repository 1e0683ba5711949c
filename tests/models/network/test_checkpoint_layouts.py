"""Checkpoints as training programs save them: the same network, found and said; else the true cause."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from hw4.core.errors import UserError
from hw4.models.network.checkpoint_files import read_checkpoint
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.network import load_network
from hw4.models.vggt.tiny import build_tiny

MARK = "stem.token"
WEIGHTS = {MARK: torch.ones(2), "stem.block.weight": torch.full((3,), 2.0), "head.bias": torch.zeros(1)}
OTHER = {name: value + 1 for name, value in WEIGHTS.items()}


def prefixed(prefix: str, weights: dict[str, torch.Tensor] = WEIGHTS) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in weights.items()}


def read(content: Any, path: Path) -> dict[str, torch.Tensor]:
    torch.save(content, path)
    return read_checkpoint(path, "Toy", MARK)[0]


def same(found: dict[str, torch.Tensor]) -> bool:
    return found.keys() == WEIGHTS.keys() and all(torch.equal(found[k], v) for k, v in WEIGHTS.items())


@pytest.mark.parametrize("content", [WEIGHTS, {"model": WEIGHTS, "epoch": 3}])
def test_what_leaves_no_choice_is_read_without_a_word(
    content: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert same(read(content, tmp_path / "w.pth")) and not caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (prefixed("module."), "module.*"),
        ({"model": prefixed("_orig_mod.")}, "model/_orig_mod.*"),
        ({"model": prefixed("module._orig_mod.")}, "model/module._orig_mod.*"),
        ({"state_dict": prefixed("model.") | {"loss.scale": torch.ones(1)}, "epoch": 1}, "1 other tensors"),
        (
            {"model_state_dict": WEIGHTS, "optimizer_state_dict": {"state": {0: {"m": WEIGHTS[MARK]}}}},
            "model_s",
        ),
        ({"net": WEIGHTS}, "those of net."),
        ({"module": WEIGHTS, "global_step": 1}, "those of module."),
        (prefixed("module.") | {"n_averaged": torch.ones(1)}, "n_averaged"),
        ({"ema": {"shadow": prefixed("module.")}}, "ema/shadow/module.*"),
        ({"model": WEIGHTS, "model_ema": OTHER}, "the averaged model_ema is left out"),
        ({"state_dict": prefixed("net.") | prefixed("ema_model.", OTHER)}, "state_dict/ema_model.*"),
        ({"model": WEIGHTS, "optimizer": {"exp_avg": OTHER}, "ema": OTHER}, "the averaged ema"),
    ],
)
def test_wrapped_weights_are_found_and_said(
    content: dict[str, Any], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert same(read(content, tmp_path / "w.ckpt"))
    assert said in caplog.text and caplog.text.count("\n") == 1


def test_wrappers_within_names_are_dropped(tmp_path: Path) -> None:
    inner = {
        "stem._orig_mod.token": WEIGHTS[MARK],
        "stem.block._checkpoint_wrapped_module.weight": torch.ones(3),
    }
    assert set(read(inner, tmp_path / "w.bin")) == {MARK, "stem.block.weight"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"student": WEIGHTS, "teacher": OTHER}, r"hold 2 networks \(student, teacher\)"),
        ({"enc.0.weight": torch.ones(1), "dec.bias": torch.ones(1)}, r"not Toy's: none of the 2 tensors"),
        ([torch.ones(2)], "it holds a list"),
        ({"model": {"a": 3}}, "no dictionary of tensors"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_true_cause(content: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as raised:
        read(content, tmp_path / "w.pt")
    assert "damaged" not in str(raised.value) and "\n" not in str(raised.value)


def test_a_folders_model_safetensors_is_its_weights(tmp_path: Path) -> None:
    save_file({k: v.clone() for k, v in build_tiny().state_dict().items()}, tmp_path / "model.safetensors")
    torch.save({"lr": 1.0}, tmp_path / "training_args.bin")
    assert load_network(VggtConfig(weights=str(tmp_path))).source.path == tmp_path / "model.safetensors"


@pytest.fixture
def save_tiny(tmp_path: Path) -> Callable[[str], VggtConfig]:
    """Writes a small VGGT without the weights whose names begin so."""

    def save(without: str) -> VggtConfig:
        state = {name: value.clone() for name, value in build_tiny().state_dict().items()}
        path = tmp_path / "w.safetensors"
        save_file({k: v for k, v in state.items() if not k.startswith(without)}, path)
        return VggtConfig(weights=str(path))

    return save


def test_vggt_needs_no_point_head_where_it_uses_none(save_tiny: Callable[[str], VggtConfig]) -> None:
    config = save_tiny("point_head.")
    assert VggtModel.from_config(config).network.point_head is None
    config.pts3d_from = "point_head"
    with pytest.raises(UserError, match=r"have no point head.*model\.pts3d_from=depth"):
        load_network(config)


@pytest.mark.parametrize("part", ["depth_head.", "point_head.norm."])
def test_a_head_that_is_needed_or_cut_is_refused(part: str, save_tiny: Callable[[str], VggtConfig]) -> None:
    with pytest.raises(UserError, match=rf"tensors are missing \(such as {part}") as raised:
        load_network(save_tiny(part))
    assert "config.json" not in str(raised.value)
