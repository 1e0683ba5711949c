"""Density control: who grows, who is pruned, and what happens to the optimiser's state."""

import sys
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import ParameterDict
from torch.optim import Optimizer

from hw4.config import DensifyConfig
from hw4.core.errors import ConfigError
from hw4.splat.gaussians import TRAINED, render_gaussians
from hw4.splat.training.cameras import scene_extent
from hw4.splat.training.densify import compute_relocation, density_control, most_gaussians
from tests.support.splat_scenes import HEIGHT, WIDTH, true_scene

GROW = DensifyConfig(strategy="default", every=2, start=0, stop=10, grad_threshold=1e-3)


@dataclass
class Step:
    """What a step of density control left.

    Attributes:
        before: (N, 3) means before it.
        high: (N,) float, the gradients that decide who grows; `split`: (N,) bool, whom a split replaces.
    """

    gaussians: ParameterDict
    optimizers: dict[str, Optimizer]
    before: Tensor
    rules: tuple[Tensor, Tensor]

    def momentum(self, name: str) -> Tensor:
        """The optimiser's first moment of a parameter."""
        return self.optimizers[name].state[self.gaussians[name]]["exp_avg"]


def grown(
    config: DensifyConfig, gaussians: ParameterDict, info: dict[str, Any], extent: float
) -> tuple[Tensor, Tensor]:
    """3DGS's rules: gradients in units of half the image, and who is split because it is large."""
    grads = (info["means2d"].grad[0] * torch.tensor([WIDTH / 2, HEIGHT / 2])).norm(dim=1)
    large = gaussians["scales"].detach().exp().max(dim=1).values > 0.01 * extent
    return grads, (grads > config.grad_threshold) & large


def step_with_marked_state(config: DensifyConfig, n: int = 50, opacity: float = 0.9) -> Step:
    """One step of density control; every Gaussian's optimiser state holds the Gaussian's own number."""
    start = true_scene(n_points=n)[1]
    gaussians = start.gaussians
    with torch.no_grad():
        gaussians["opacities"].fill_(float(np.log(opacity / (1 - opacity))))
        # Small enough to be copied, where the others would be split.
        gaussians["scales"][::2] = float(np.log(0.005))
    optimizers = {name: torch.optim.Adam([gaussians[name]], lr=0.0) for name in TRAINED}
    control = density_control(config, scene_extent(start.cam_from_world))
    assert control is not None
    for _ in range(2):
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        images, _, info = render_gaussians(
            gaussians,
            torch.tensor(start.cam_from_world[:1], dtype=torch.float32),
            torch.tensor(start.Ks[:1], dtype=torch.float32),
            WIDTH,
            HEIGHT,
        )
        info["means2d"].retain_grad()
        control.before_backward(gaussians, optimizers, 1, info)
        images.square().mean().backward()
    for name, optimizer in optimizers.items():
        optimizer.step()
        shape = (n, *[1] * (gaussians[name].dim() - 1))
        marks = torch.arange(1.0, n + 1).reshape(shape).expand_as(gaussians[name])
        optimizer.state[gaussians[name]]["exp_avg"] = marks.clone()
    marked = gaussians["means"].detach().clone()
    rules = grown(config, gaussians, info, scene_extent(start.cam_from_world))
    step = Step(gaussians, optimizers, marked, rules)
    control.after_step(gaussians, optimizers, config.every, info, 1e-4)
    return step


def rows_at(step: Step, origin: int) -> Tensor:
    """Rows of the Gaussians that stand where one stood before."""
    return (step.gaussians["means"].detach() == step.before[origin]).all(dim=1).nonzero().flatten()


def test_growing_carries_optimiser_state_along() -> None:
    step = step_with_marked_state(GROW)
    grads, split = step.rules
    copied = (grads > GROW.grad_threshold) & ~split
    assert 5 < split.sum() < 45 and copied.sum() > 3
    assert len({len(p) for p in step.gaussians.values()}) == 1, "lr_factors grow with the rest"
    assert len(step.gaussians["means"]) == 50 + int((grads > GROW.grad_threshold).sum())
    survivors = 0
    for origin in range(50):
        rows = rows_at(step, origin)
        assert len(rows) == (0 if split[origin] else 1 + int(copied[origin])), origin
        for name in TRAINED if len(rows) else ():
            marks = step.momentum(name)[rows].reshape(len(rows), -1)
            if marks.shape[1]:
                assert (marks == marks[:, :1]).all()
                # The Gaussian keeps its own state; a copy of it starts without momentum.
                assert sorted(marks[:, 0].tolist()) == [0.0] * (len(rows) - 1) + [origin + 1.0], (
                    name,
                    origin,
                )
        survivors += len(rows) > 0
    assert survivors == 50 - int(split.sum())
    new = len(step.gaussians["means"]) - survivors
    assert int((step.momentum("means")[:, 0] == 0).sum()) == new


@pytest.mark.parametrize(("cap", "count"), [(49, 50), (50, 50), (51, 51), (57, 57)])
def test_the_cap_holds_and_the_highest_gradients_grow(cap: int, count: int) -> None:
    config = DensifyConfig(
        strategy="default", every=2, start=0, stop=10, grad_threshold=1e-9, max_gaussians=cap
    )
    step = step_with_marked_state(config)
    assert len(step.gaussians["means"]) == count
    grads, _ = step.rules
    highest = set(grads.argsort(descending=True)[: count - 50].tolist())
    assert {origin for origin in range(50) if len(rows_at(step, origin)) != 1} == highest


def test_pruning_alone() -> None:
    config = DensifyConfig(
        strategy="default", every=2, start=0, stop=10, grad_threshold=1e9, prune_opacity=0.45
    )
    gaussians = step_with_marked_state(config, opacity=0.4).gaussians
    assert len(gaussians["means"]) == 0
    gaussians = step_with_marked_state(config).gaussians
    assert len(gaussians["means"]) == 50, "all have opacity 0.9"


@pytest.mark.parametrize("when", [2, 3])
def test_opacities_are_reset_at_their_time(when: int) -> None:
    """gsplat 1.5.3 itself never does: its condition binds the wrong way."""
    config = DensifyConfig(
        strategy="default", every=2, start=5, stop=10, opacity_reset_every=when, prune_opacity=0.1
    )
    step = step_with_marked_state(config)
    opacities = step.gaussians["opacities"].detach().sigmoid()
    if when == 2:
        torch.testing.assert_close(opacities, torch.full((50,), 0.2))
        assert not step.momentum("opacities").any()
    else:
        torch.testing.assert_close(opacities, torch.full((50,), 0.9))
    torch.testing.assert_close(step.momentum("means")[:, 0], torch.arange(1.0, 51))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_impossible_pruning_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"splat\.densify\.prune_opacity"):
        DensifyConfig(prune_opacity=value)


def test_mcmc_adds_and_keeps_the_survivors_state() -> None:
    config = DensifyConfig(strategy="mcmc", every=2, start=0, stop=10, max_gaussians=52)
    step = step_with_marked_state(config)
    assert len(step.gaussians["means"]) == 52
    state = step.momentum("opacities")
    marks = state[state != 0]
    assert len(marks) >= 45 and len(marks.unique()) == len(marks)


@pytest.mark.parametrize(
    ("strategy", "asked", "on_cpu", "on_cuda"),
    [
        ("default", "auto", 200_000, sys.maxsize),
        ("mcmc", "auto", 200_000, 1_000_000),
        ("default", 7, 7, 7),
        ("mcmc", None, sys.maxsize, sys.maxsize),
    ],
)
def test_the_cap_is_the_devices_unless_one_is_asked_for(
    strategy: str, asked: int | str | None, on_cpu: int, on_cuda: int
) -> None:
    config = DensifyConfig(strategy=strategy, max_gaussians=asked)
    assert [most_gaussians(config, cuda) for cuda in (False, True)] == [on_cpu, on_cuda]
    control = density_control(config, 1.0, on_cuda=True)
    assert control is not None
    cap = control._mcmc.cap_max if strategy == "mcmc" else control._default.max_gaussians
    assert cap == on_cuda
    with pytest.raises(ConfigError, match="must be auto, null or at least 1"):
        DensifyConfig(strategy=strategy, max_gaussians=0)


def test_mcmc_regularises_opacity_and_size_and_nothing_else_does() -> None:
    gaussians = true_scene()[1].gaussians
    with torch.no_grad():
        gaussians["opacities"].fill_(float(np.log(0.3 / 0.7)))
        gaussians["scales"].fill_(float(np.log(0.5)))
    mcmc = density_control(DensifyConfig(strategy="mcmc", opacity_reg=0.02, scale_reg=0.01), extent=2.0)
    assert mcmc is not None
    assert float(torch.as_tensor(mcmc.regularisation(gaussians)).detach()) == pytest.approx(
        0.02 * 0.3 + 0.01 * 0.5 / 2
    )
    default = density_control(DensifyConfig(strategy="default"), extent=2.0)
    assert default is not None and default.regularisation(gaussians) == 0


@pytest.mark.parametrize("n", [1, 2, 5, 51])
def test_relocation_keeps_the_opacity_of_a_stack(n: int) -> None:
    """n Gaussians with the new opacity cover as much as the old one: the identity behind equation 9."""
    binoms = torch.tensor([[float(comb(i, k)) for k in range(51)] for i in range(51)])
    opacities, scales = torch.tensor([0.3, 0.9]), torch.tensor([[1.0, 2, 3], [0.1, 0.1, 0.2]])
    new_opacities, new_scales = compute_relocation(opacities, scales, torch.full((2,), n), binoms)
    torch.testing.assert_close(1 - (1 - new_opacities) ** n, opacities, rtol=1e-5, atol=1e-6)
    # One dimension of the paper's claim: the integral of the stack's opacity profile is that of the old one.
    x = torch.linspace(-8, 8, 20001, dtype=torch.float64)
    for old, new, scale, new_scale in zip(
        opacities.double(), new_opacities.double(), scales[:, 0], new_scales[:, 0].double(), strict=True
    ):
        profile = torch.exp(-(x**2) / 2)
        stack = 1 - (1 - new * profile) ** n
        assert float((stack * new_scale).sum() / (old * profile * scale).sum()) == pytest.approx(1, rel=1e-3)
