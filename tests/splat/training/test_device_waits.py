"""The training loop on a device that is told what to do and never asked: no operation waits for a result.

There is no GPU in the tests. What makes CUDA wait is known by name: reading a value, and operations whose
output's size depends on values. They are counted while a run advances on the CPU, with a stand-in for the
rasterizer, whose kernels are not torch's.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gsplat.strategy import DefaultStrategy
from imageio_ffmpeg import count_frames_and_secs
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Parameter, ParameterDict
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from hw4.config import DensifyConfig, EvalConfig, SplatConfig
from hw4.splat import gaussians as gaussians_module
from hw4.splat.gaussians import clone
from hw4.splat.rasterize import RasterOptions, Splats, Views, api
from hw4.splat.rasterize.trained import TrainedView
from hw4.splat.scoring.evaluate import Photo, align_view, evaluate, render_view
from hw4.splat.start import Initialisation
from hw4.splat.training import cameras
from hw4.splat.training import step as training_run
from hw4.splat.training.densify import _Default
from hw4.splat.training.losses import ssim_torch
from hw4.splat.training.step import TrainingRun
from hw4.splat.training.train import train
from hw4.splat.video import fly_through
from tests.support.splat_scenes import HEIGHT, WIDTH, disturbed, true_scene, written_views

# On the CPU where there is a GPU, too: what would wait for one is counted.
CONFIG = SplatConfig(sh_degree=0, log_every=5, depth_weight=0.1, background="random", rasterizer="cpu")
STRATEGIES = {
    "off": DensifyConfig(),
    "default": DensifyConfig(strategy="default", every=10, start=2, stop=28, grad_threshold=1e-6),
    "mcmc": DensifyConfig(strategy="mcmc", every=10, start=2, stop=28, max_gaussians=80),
}


class WaitCounter(TorchDispatchMode):
    """Counts the operations after which CUDA would have to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        masked = name.startswith(("index", "_index")) and any(
            index is not None and index.dtype == torch.bool
            for index in (args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ())
        )
        if masked or name in ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount"):
            self.waits[name] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Waits while the block runs; reading a whole tensor does not pass through the dispatcher."""
    counter = WaitCounter()
    with monkeypatch.context() as patch, counter:
        for name in ("tolist", "numpy", "cpu"):
            read = getattr(Tensor, name)

            def counted(self: Tensor, *args: Any, name: str = name, read: Any = read) -> Any:
                counter.waits[name] += 1
                return read(self, *args)

            patch.setattr(Tensor, name, counted)
        yield counter.waits


def flat_rasterizer(
    splats: Splats, views: Views, options: RasterOptions
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """A picture of one colour that depends on every parameter."""
    viewmat, width, height = views.viewmats[0], views.width, views.height
    means2d = (splats.means @ viewmat[:3, :3].T + viewmat[:3, 3])[None, :, :2] * 1.0
    summed = means2d.sum(-1) + splats.scales.sum(-1) + splats.quats.sum(-1)
    weight = torch.sigmoid(summed) * splats.opacities
    pixel = torch.cat([(weight[0, :, None] * splats.colors[:, 0]).mean(dim=0), weight.mean()[None]])
    channels = 4 if options.render_mode == "RGB+ED" else 3
    image = pixel[:channels].sigmoid().expand(1, height, width, channels)
    radii = torch.full((1, len(splats.means), 2), 3, dtype=torch.int32)
    info = {"means2d": means2d, "radii": radii, "width": width, "height": height, "n_cameras": 1}
    return image, torch.ones(1, height, width, 1), {**info, "gaussian_ids": None}


def render_in_steps(gaussians: ParameterDict, viewmat: Tensor, view: TrainedView) -> tuple[Tensor, Any]:
    size, background = (view.width, view.height), view.background[None]
    images, _, info = gaussians_module.render_gaussians(
        gaussians, viewmat[None], view.K[None], *size, sh_degree=view.sh_degree, backgrounds=background
    )
    return images[0], info


def terms_in_steps(image: Tensor, target: Tensor, padding: str) -> tuple[Tensor, Tensor]:
    return (image - target).abs().mean(), ssim_torch(image, target)


def make_run(strategy: str, monkeypatch: pytest.MonkeyPatch) -> TrainingRun:
    scene, truth = true_scene()
    monkeypatch.setattr(gaussians_module, "rasterize", flat_rasterizer)
    # As on CUDA.
    monkeypatch.setattr(training_run, "render_trained", render_in_steps)
    monkeypatch.setattr(training_run, "photo_terms", terms_in_steps)
    monkeypatch.setattr(training_run, "adam_step", lambda optimizer: optimizer.step())
    monkeypatch.setattr(cameras, "corrected", cameras.corrected_torch)
    return TrainingRun(scene, disturbed(truth, 0.1), replace(CONFIG, densify=STRATEGIES[strategy]))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_no_iteration_waits_but_those_that_count_gaussians(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(strategy, monkeypatch)
    n_refined = 0
    for _ in range(30):
        with counting(monkeypatch) as waits:
            run.advance()
        n_refined += run.refines()
        if run.refines():
            assert waits, "or the counter sees nothing"
        else:
            assert not waits, (run.step, waits)
    assert n_refined == (0 if strategy == "off" else 2)


def test_a_record_takes_one_transfer_and_the_check_another(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("off", monkeypatch)
    losses = run.advance()
    with counting(monkeypatch) as waits:
        losses.read()
        assert run.problem() is None
    assert waits == {"tolist": 2}


def test_the_counter_sees_what_upstream_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """gsplat's own statistics index by a mask: the same sums, with a wait in every step."""
    generator = torch.Generator().manual_seed(0)
    params = {"means": torch.zeros(50, 3)}
    states: list[dict[str, Any]] = []
    waits: list[Counter[str]] = []
    for kind in (DefaultStrategy, _Default):
        strategy = kind()
        state = strategy.initialize_state(1.0)
        generator.manual_seed(1)
        with counting(monkeypatch) as counted:
            for _ in range(3):
                means2d = torch.zeros(2, 50, 2, requires_grad=True)
                means2d.grad = torch.randn(2, 50, 2, generator=generator)
                radii = torch.randint(0, 2, (2, 50, 2), generator=generator, dtype=torch.int32)
                info = {"means2d": means2d, "radii": radii, "width": 64, "height": 48, "n_cameras": 2}
                strategy._update_state(params, state, {**info, "gaussian_ids": None})
        states.append(state)
        waits.append(counted)
    assert waits[0] and not waits[1]
    for name in ("grad2d", "count"):
        torch.testing.assert_close(states[1][name], states[0][name], rtol=1e-6, atol=1e-6)
    assert states[0]["count"].max() > 1


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_checkpoint_goes_back_to_the_device(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are read on the CPU. torch's fake tensors know devices that this machine does not have."""
    run = make_run(strategy, monkeypatch)
    for _ in range(3):
        run.advance()
    saved = run.state()
    moved = ("gaussians", "optimizers", "density")
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        # Numbered, fake beforehand, and cameras left on the CPU: torch 2.6 asks for a driver otherwise.
        run.device = torch.device("cuda", 0)
        saved |= {name: tree_map_only(Tensor, mode.from_tensor, saved[name]) for name in moved}
        monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *_: None)
        run.restore({**saved, "cuda_rng": None})
        tensors = [*run.gaussians.values(), *(run.density.state.values() if run.density else ())]
        for optimizer in run.optimizers.values():
            tensors += [value for state in optimizer.state.values() for value in state.values()]
        devices = {tensor.device.type for tensor in tensors if isinstance(tensor, Tensor)}
    assert devices == {"cuda"}


def meta_gaussians(truth: Initialisation) -> ParameterDict:
    """On torch's device without memory: mixing it with the CPU, or reading a value, is an error."""
    return ParameterDict({name: Parameter(p.to("meta")) for name, p in truth.gaussians.items()})


def test_test_cameras_are_aligned_where_the_gaussians_are(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, truth = true_scene()
    monkeypatch.setattr(gaussians_module, "rasterize", flat_rasterizer)
    target = torch.zeros(scene.images[0].shape, device="meta")
    config = EvalConfig(align_iterations=2)
    cameras, Ks = truth.cam_from_world, truth.Ks
    camera = align_view(meta_gaussians(truth), cameras[0], Photo(target, Ks[0]), config, 0.0, 1.0)
    assert camera.device.type == "meta" and camera.shape == (4, 4)


def test_pictures_are_rendered_where_the_gaussians_are(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = true_scene()[1]
    monkeypatch.setattr(gaussians_module, "rasterize", flat_rasterizer)
    image = render_view(meta_gaussians(truth), truth.cam_from_world[0], truth.Ks[0], 40, 32)
    assert image.device.type == "meta"


def test_trained_gaussians_stay_on_their_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring and the fly-through would fall back to the CPU's rasterizer otherwise."""
    monkeypatch.setattr(torch.nn.Module, "cpu", lambda _: pytest.fail("moved to the CPU"))
    scene, truth = true_scene()
    train(scene, truth, replace(CONFIG, iterations=1, depth_weight=0.0), tmp_path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_scores_and_videos_are_made_by_gsplat_on_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "rasterize_cpu", lambda *_, **__: pytest.fail("rasterized on the CPU"))
    test, _ = written_views(tmp_path)
    truth = true_scene()[1]
    config = EvalConfig(lpips_download=False, align_test_views=True, align_iterations=5)
    gaussians = clone(truth.gaussians).cuda()
    result = evaluate(gaussians, test, config, tmp_path / "out", initial=truth.gaussians)
    assert result.mean("psnr") > 30
    video = fly_through(gaussians, truth.cam_from_world, truth.Ks[0], (WIDTH, HEIGHT), 4, tmp_path / "v.mp4")
    assert count_frames_and_secs(str(video))[0] == 4
