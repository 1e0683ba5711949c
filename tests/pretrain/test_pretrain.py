"""Pretraining: it learns, it resumes exactly, its losses are the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hw4.config import PretrainConfig
from hw4.core.errors import UserError
from hw4.models.dust3r.tiny import build_tiny as build_tiny_dust3r
from hw4.models.dust3r.training import forward_pairs as dust3r_forward
from hw4.models.dust3r.training import loss as dust3r_loss
from hw4.models.dust3r.training import neighbour_pairs as dust3r_pairs
from hw4.models.dust3r.upstream import import_part
from hw4.models.network.tiny import count_parameters
from hw4.models.network.training import Views
from hw4.models.registry import trainable
from hw4.models.vggt.tiny import build_tiny as build_tiny_vggt
from hw4.models.vggt.training import loss as vggt_loss
from hw4.pretrain.batches import SceneStream, stream
from hw4.pretrain.checkpoint import save_checkpoint
from hw4.pretrain.export import export_weights
from hw4.pretrain.train import learning_rate, new_state, run_pretrain, train_step
from hw4.pretrain.validate import validate
from tests.support.pretraining import NAMES, QUICK

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def views() -> Views:
    return SceneStream(0, 2, 4).batch(2)


def test_both_are_a_few_million_parameters_of_upstreams_classes() -> None:
    dust3r, vggt = build_tiny_dust3r(), build_tiny_vggt()
    assert type(dust3r).__module__ == "dust3r.model"
    assert type(vggt).__mro__[1].__module__ == "vggt.models.vggt"
    assert all(1e6 < count_parameters(model) < 8e6 for model in (dust3r, vggt))


def test_true_points_are_where_the_cameras_see_them(views: Views) -> None:
    points = views.pts3d()
    v, u = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    for number in range(views.images.shape[1]):
        camera = views.cam_from_world[:, number]
        local = (
            torch.einsum("bij,bhwj->bhwi", camera[:, :3, :3], points[:, number])
            + camera[:, None, None, :3, 3]
        )
        projected = local @ views.K.T
        pixels = projected[..., :2] / projected[..., 2:]
        assert (pixels - torch.stack([u, v], dim=-1)).abs().max() < 1e-2
        torch.testing.assert_close(local[..., 2], views.depth[:, number], atol=1e-4, rtol=1e-4)


def test_pairs_are_seen_both_ways_round(views: Views) -> None:
    forth, back = dust3r_pairs(views)
    torch.testing.assert_close(forth.images[:, 0], back.images[:, 1])
    product = forth.cam_from_world[:, 1] @ back.cam_from_world[:, 1]
    torch.testing.assert_close(product, torch.eye(4).expand_as(product), atol=1e-4, rtol=1e-4)


def test_dust3r_loss_is_upstreams(views: Views) -> None:
    losses = import_part("dust3r.losses")
    torch.manual_seed(0)
    model = build_tiny_dust3r().eval()
    with torch.no_grad():
        ours, _ = dust3r_loss(model, views)
        parts = dust3r_pairs(views)
        images = torch.cat([p.images for p in parts])
        cameras = torch.cat([p.cam_from_world for p in parts])
        points = torch.cat([p.pts3d() for p in parts])
        one, two = dust3r_forward(model, images[:, 0], images[:, 1])
        valid = torch.ones(points.shape[0], *points.shape[2:4], dtype=torch.bool)
        truth = [
            {"pts3d": points[:, i], "camera_pose": torch.linalg.inv(cameras[:, 0]), "valid_mask": valid}
            for i in range(2)
        ]
        criterion = losses.ConfLoss(losses.Regr3D(losses.L21, norm_mode="avg_dis"), alpha=0.2)
        theirs, _ = criterion(*truth, one, two)
    # Upstream adds the two views' means, ours is their mean.
    assert float(ours) == pytest.approx(float(theirs) / 2, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_lower_the_loss_of_a_fixed_batch(name: str, views: Views) -> None:
    config = PretrainConfig(lr=1e-3, warmup=1, steps=1000)
    state = new_state(name, config, torch.device("cpu"))
    history = [train_step(state, views, config)["loss"] for _ in range(12)]
    assert min(history[-3:]) < 0.75 * history[0]


@pytest.mark.parametrize("name", NAMES)
def test_resumed_training_is_the_uninterrupted_one(name: str, tmp_path: Path) -> None:
    config = PretrainConfig(steps=4, **QUICK)
    whole = run_pretrain(name, config, tmp_path / "whole")
    state = new_state(name, config, torch.device("cpu"))
    batches = stream(config.seed, config.batch_size, config.views, 0, 0)
    for _ in range(2):
        train_step(state, next(batches), config)
    save_checkpoint(tmp_path / "halves" / "checkpoint.pt", state, config)
    torch.manual_seed(123)
    resumed = run_pretrain(name, config, tmp_path / "halves")
    for key, value in whole.ema.state_dict().items():
        assert torch.equal(value, resumed.ema.state_dict()[key]), key


def test_batches_do_not_depend_on_workers() -> None:
    for start in (0, 3):
        inline, worked = stream(5, 1, 2, start, 0), stream(5, 1, 2, start, 2)
        for _ in range(4):
            assert torch.equal(next(inline).images, next(worked).images)


def test_schedule_warms_up_and_ends_low_by_steps_or_by_time() -> None:
    config = PretrainConfig(steps=100, warmup=10, lr=1.0, minutes=10)
    rates = [learning_rate(config, step, 0.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[100] == pytest.approx(0.01)
    assert learning_rate(config, 20, 600.0) == pytest.approx(0.01)


@pytest.mark.parametrize("name", NAMES)
def test_export_is_small_half_precision_and_strict(name: str, tmp_path: Path) -> None:
    config = PretrainConfig(steps=1, **QUICK)
    path = export_weights(run_pretrain(name, config, tmp_path), config, tmp_path / "w.safetensors")
    weights = load_file(path)
    assert path.stat().st_size < 20e6
    assert all(value.dtype == torch.float16 for value in weights.values() if value.is_floating_point())
    trainable(name).build().load_state_dict({k: v.float() for k, v in weights.items()}, strict=True)


def test_damaged_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot resume from .*checkpoint.pt"):
        run_pretrain("dust3r", PretrainConfig(steps=1, **QUICK), tmp_path)


def test_validation_of_a_perfect_network_is_zero(views: Views) -> None:
    class Oracle(torch.nn.Module):
        def forward(self, view1: dict, view2: dict) -> tuple[dict, dict]:  # type: ignore[type-arg]
            points = pair.pts3d()
            return {"pts3d": points[:, 0]}, {"pts3d_in_other_view": points[:, 1]}

    pair = SceneStream(1, 8, 2).batch(0)
    result = validate("dust3r", Oracle(), pair)
    assert result.rotation_deg < 0.2 and result.points < 1e-4
    assert np.isfinite(result.overlap_deg)


def test_vggt_losses_are_finite_for_two_to_four_views() -> None:
    model = build_tiny_vggt().eval()
    for number in range(3):
        loss, parts = vggt_loss(model, SceneStream(0, 1, 4).batch(number))
        assert torch.isfinite(loss) and set(parts) == {"camera", "depth", "points"}


def test_batches_have_every_number_of_views() -> None:
    counts = [SceneStream(0, 1, 5).batch(number).images.shape[1] for number in range(5)]
    assert counts == [2, 3, 4, 5, 2]
    assert SceneStream(0, 1, 2).batch(7).images.shape[1] == 2
