"""Steps of training that are written out by hand, against torch: Adam, learnt cameras, unused harmonics."""

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from hw4.splat.gaussians import make_gaussians, render_gaussians
from hw4.splat.rasterize import RasterOptions, Splats, Views, rasterize
from hw4.splat.rasterize.trained import TrainedView, render_trained
from hw4.splat.training.adam_kernel import adam_step, step_without_gradient
from hw4.splat.training.cameras import corrected, corrected_torch


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def optimizer_of(parameter: Parameter) -> torch.optim.Adam:
    return torch.optim.Adam([parameter], lr=3e-3, eps=1e-15)


@pytest.mark.parametrize("shape", [(700, 3), (11, 15, 3), (5,), (0, 3)])
def test_adams_step_is_torchs(shape: tuple[int, ...]) -> None:
    ours, theirs = (Parameter(random(*shape)) for _ in range(2))
    optimizers = optimizer_of(ours), optimizer_of(theirs)
    for step in range(20):
        ours.grad = random(*shape, seed=step)
        theirs.grad = ours.grad.clone()
        adam_step(optimizers[0])
        optimizers[1].step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    states = [optimizer.state_dict()["state"][0] for optimizer in optimizers]
    assert states[0].keys() == states[1].keys() and states[0]["step"] == states[1]["step"] == 20
    for name in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(states[0][name], states[1][name], rtol=1e-5, atol=1e-6)


def test_steps_without_a_gradient_count_as_torchs_with_zeros_do() -> None:
    ours, theirs = (Parameter(random(6, 3)) for _ in range(2))
    optimizers = optimizer_of(ours), optimizer_of(theirs)
    for _ in range(7):
        theirs.grad = torch.zeros_like(theirs)
        step_without_gradient(optimizers[0])
        optimizers[1].step()
    ours.grad, theirs.grad = random(6, 3), random(6, 3)
    adam_step(optimizers[0])
    optimizers[1].step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-7)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-3, 0.5, 3.0])
def test_a_corrected_camera_and_its_gradient_are_torchs(size: float) -> None:
    cameras = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    cameras[:, :3] += random(2, 3, 4, seed=1, dtype=torch.float64)
    found = []
    for function in (corrected, corrected_torch):
        delta = (size * random(2, 6, seed=2, dtype=torch.float64)).requires_grad_()
        result = function(cameras, delta, 2.5)
        (result * random(2, 4, 4, seed=3, dtype=torch.float64)).sum().backward()
        found.append((result.detach(), delta.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("size", [0.0, 0.7])
def test_a_corrected_cameras_gradient_is_that_of_differences(size: float) -> None:
    cameras = torch.eye(4, dtype=torch.float64)[None]
    cameras[:, :3, 3] = random(1, 3, seed=4, dtype=torch.float64)
    delta = (size * random(1, 6, seed=5, dtype=torch.float64)).requires_grad_()
    torch.autograd.gradcheck(lambda d: corrected(cameras, d, 1.7), (delta,))


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_harmonics_that_are_not_used_change_nothing(degree: int) -> None:
    """Cut off before rendering, against all of them handed over."""
    gaussians = make_gaussians((random(50, 3) * 0.3).numpy(), (random(50, 3) * 0 + 90).numpy(), 3, 0.5)
    gaussians["shN"].data.copy_(random(50, 15, 3, seed=6))
    viewmats, K = torch.eye(4)[None].clone(), torch.tensor([[[20.0, 0, 12], [0, 20, 10], [0, 0, 1]]])
    viewmats[0, 2, 3] = 3.0
    pictures, gradients = [], []
    for cut in (True, False):
        camera = viewmats.clone().requires_grad_()
        for parameter in gaussians.values():
            parameter.grad = None
        if cut:
            picture = render_gaussians(gaussians, camera, K, 24, 20, sh_degree=degree)[0]
        else:
            splats = Splats(
                gaussians["means"],
                gaussians["quats"],
                gaussians["scales"].exp(),
                gaussians["opacities"].sigmoid(),
                torch.cat([gaussians["sh0"], gaussians["shN"]], dim=1),
            )
            picture = rasterize(splats, Views(camera, K, 24, 20), RasterOptions(sh_degree=degree))[0]
        (picture * random(*picture.shape, seed=7)).sum().backward()
        rest = gaussians["shN"].grad
        gradients.append([gaussians["means"].grad, gaussians["sh0"].grad, camera.grad])
        gradients[-1].append(torch.zeros(50, 15, 3) if rest is None else rest)
        assert (rest is None) == (cut and degree == 0)
        pictures.append(picture.detach())
    assert pictures[0].std() > 0.01
    torch.testing.assert_close(pictures[0], pictures[1])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("degree", "colour"), [(0, 0.0), (1, 0.0), (2, 0.3), (3, 1.0)])
def test_a_training_view_in_one_function_is_that_of_torchs_steps(degree: int, colour: float) -> None:
    """Picture, what density control reads, and every gradient, also the camera's."""
    gaussians = make_gaussians((random(300, 3) * 0.4).numpy(), (random(300, 3) * 40 + 120).numpy(), 3, 0.5)
    for name, size in (("shN", 0.3), ("scales", 0.3), ("quats", 0.5), ("opacities", 1.0)):
        gaussians[name].data.add_(size * random(*gaussians[name].shape, seed=8))
    K = torch.tensor([[20.0, 0, 12], [0, 20, 10], [0, 0, 1]])
    camera = torch.eye(4)
    camera[:3, 3] = torch.tensor([0.1, -0.2, 3.0])
    background = torch.full((3,), colour)
    found = []
    for at_once in (True, False):
        viewmat = camera.clone().requires_grad_()
        for parameter in gaussians.values():
            parameter.grad = None
        if at_once:
            view = TrainedView(K, background, 24, 20, degree)
            picture, info = render_trained(gaussians, viewmat, view)
        else:
            options = {"sh_degree": degree, "backgrounds": background[None]}
            pictures, _, info = render_gaussians(gaussians, viewmat[None], K[None], 24, 20, **options)
            picture = pictures[0]
            info["means2d"].retain_grad()
        (picture * random(*picture.shape, seed=9)).sum().backward()
        grads = {name: p.grad for name, p in gaussians.items() if p.requires_grad}
        found.append((picture.detach(), info, {**grads, "viewmat": viewmat.grad}))
    (ours, our_info, our_grads), (theirs, their_info, their_grads) = found
    assert theirs.std() > 0.01 and our_info.keys() == their_info.keys()
    torch.testing.assert_close(ours, theirs)
    for name in ("means2d", "radii", "depths", "conics", "opacities"):
        torch.testing.assert_close(our_info[name], their_info[name])
    torch.testing.assert_close(our_info["means2d"].grad, their_info["means2d"].grad, rtol=1e-4, atol=1e-5)
    for name, expected in their_grads.items():
        assert (our_grads[name] is None) == (expected is None) == (name == "shN" and degree == 0)
        torch.testing.assert_close(our_grads[name], expected, rtol=1e-4, atol=1e-5)
