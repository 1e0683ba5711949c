"""What only a GPU can tell, part by part; `benchmarks.gpu_check` runs it.

Each part works on any device, so that all of them can be tried without a GPU at sizes that say nothing.
Times are taken between two synchronizations.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from gsplat.strategy import DefaultStrategy
from torch import Tensor

from benchmarks.dust3r import complete, difference, official_network, random_images, upstream
from benchmarks.measure import Ratio, Record, seconds
from benchmarks.rasterize import SH_DEGREE, leaves, surface
from benchmarks.vggt import outputs, relative_difference, sharing
from hw4.config import InputConfig, SampleConfig, SplatConfig
from hw4.config.input import PAIR
from hw4.data.pairs.samples import load_pairs
from hw4.data.scenes.scene import scene_of
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r.alignment import align_views
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.dust3r.tiny import build_tiny as build_tiny_dust3r
from hw4.models.network.devices import half_precision
from hw4.models.network.upstream import quiet
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.tiny import build_tiny as build_tiny_vggt
from hw4.models.vggt.upstream import import_parts as import_vggt_parts
from hw4.pose.metrics import rotation_error_deg
from hw4.splat.gaussians import TRAINED, clone, render_gaussians
from hw4.splat.rasterize import rasterize
from hw4.splat.start import from_scene
from hw4.splat.training import losses
from hw4.splat.training.step import TrainingRun
from tests.support.pointmap_networks import SceneNetwork, arc_cameras, dust3r_with, make_photos
from tests.support.rasterizer_scenes import arguments


@dataclass(frozen=True)
class Machine:
    """The device that is measured, and whether only the paths are tried, at sizes that say nothing."""

    device: torch.device
    tiny: bool = False

    @property
    def rasterizer(self) -> str:
        """`splat.rasterizer` of the device."""
        return "gsplat" if self.device.type == "cuda" else "cpu"

    def wait(self) -> None:
        """Until the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def timed(self, run: Callable[[], Any], repeats: int) -> float:
        """Seconds of one call, the device's work included."""
        run()
        self.wait()
        began = time.perf_counter()
        for _ in range(1 if self.tiny else repeats):
            run()
        self.wait()
        return (time.perf_counter() - began) / (1 if self.tiny else repeats)

    def compared(
        self, ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int
    ) -> tuple[float, float]:
        """Least `timed` of each of two rounds, the second in the other order."""
        first = self.timed(ours, repeats), self.timed(theirs, repeats)
        if self.tiny:
            return first
        again = self.timed(theirs, repeats), self.timed(ours, repeats)
        return min(first[0], again[1]), min(first[1], again[0])

    def peak(self, run: Callable[[], Any]) -> str:
        """The largest sum of tensors on the device while it runs, in words, and the seconds."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        spent = seconds(self.timed(run, 1))
        if self.device.type != "cuda":
            return f"{spent} (no memory is counted on {self.device})"
        return f"{torch.cuda.max_memory_allocated(self.device) / 2**30:.2f} GiB, {spent}"


def _rendered(scene: dict[str, Tensor], width: int, height: int) -> dict[str, Tensor]:
    """The image, and gradients of all leaves for a fixed gradient of it, on the CPU."""
    ours = leaves(scene)
    colors, _, _ = rasterize(*arguments(**ours, width=width, height=height, sh_degree=SH_DEGREE))
    fixed = torch.randn(colors.shape, generator=torch.Generator().manual_seed(1))
    colors.backward(fixed.to(colors.device))
    grads = {name: value.grad.cpu() for name, value in ours.items() if value.grad is not None}
    return {"image": colors.detach().cpu(), **grads}


def renders(record: Record, on: Machine) -> None:
    """Image and gradients by gsplat against our CPU kernels, and how much faster."""
    sizes = [(500, 64, 48)] if on.tiny else [(10_000, 160, 120), (50_000, 320, 240), (200_000, 640, 480)]
    for n, width, height in sizes:
        scene = surface(n, width, height)
        there = {name: value.to(on.device) for name, value in scene.items()}
        _rendered(surface(100, 32, 32), 32, 32)
        began = time.perf_counter()
        expected = _rendered(scene, width, height)
        theirs = time.perf_counter() - began
        found = _rendered(there, width, height)
        apart = {k: float((found[k] - v).norm() / v.norm()) for k, v in expected.items()}
        worst = max((name for name in apart if name != "image"), key=lambda name: apart[name])
        record.add(
            Ratio(
                "Rasterizer on the GPU, forward and backward",
                f"{n} Gaussians, {width}x{height}",
                "our CPU kernels",
                on.timed(partial(_rendered, there, width, height), 20),
                theirs,
                f"image {apart['image']:.0e} apart, gradients at most {apart[worst]:.0e} ({worst})",
            )
        )


def similarity(record: Record, on: Machine) -> None:
    """SSIM and its gradient: the package `fused-ssim`, where it is here, against torch's convolutions."""
    if losses._package() is None or on.device.type != "cuda":
        record.fact("SSIM: the package fused-ssim is not here; torch's convolutions are used")
        return
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(480, 640, 3, generator=generator).to(on.device)
    image = (target + 0.1 * torch.randn(480, 640, 3, generator=generator).to(on.device)).clamp(0, 1)
    image.requires_grad_()

    def gradient(measure: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        image.grad = None
        measure(image, target).backward()
        assert image.grad is not None
        return image.grad

    package, ours = losses.ssim_of_package, losses.ssim_torch
    apart = relative_difference(gradient(package), gradient(ours))
    times = [on.timed(partial(gradient, measure), 20) for measure in (package, ours)]
    record.add(
        Ratio("SSIM of fused-ssim", "640x480", "torch's convolutions", *times, f"gradient {apart:.0e} apart")
    )


def _gsplats_step(run: TrainingRun) -> Callable[[], None]:
    """An iteration as gsplat's example trainer has it: its strategy, an Adam for each tensor, the loss read.

    The example is not in gsplat's wheel; this is its loop, with our rasterizer's call of gsplat.
    """
    gaussians = clone(run.gaussians).to(run.device)
    optimizers = {name: torch.optim.Adam([gaussians[name]], lr=1e-4, eps=1e-15) for name in TRAINED}
    strategy = DefaultStrategy(refine_start_iter=10**9)
    state = strategy.initialize_state(scene_scale=run.extent)
    target, (height, width) = run.images[0], run.images[0].shape[:2]

    def step() -> None:
        colors, _, info = render_gaussians(
            gaussians, run.viewmats[:1], run.Ks[:1], width, height, sh_degree=0
        )
        strategy.step_pre_backward(gaussians, optimizers, state, 1, info)
        loss = 0.8 * (colors[0] - target).abs().mean() + 0.2 * (1 - losses.ssim_torch(colors[0], target))
        loss.backward()
        loss.item()
        for optimizer in optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        strategy.step_post_backward(gaussians, optimizers, state, 1, info)

    return step


def training(record: Record, on: Machine) -> None:
    """Seconds per iteration against gsplat's own trainer step, and without waiting for the device."""
    config = SplatConfig(rasterizer=on.rasterizer)
    with TemporaryDirectory() as folder:
        width, height = (48, 36) if on.tiny else (640, 480)
        scene = scene_of(SampleConfig(root=folder, pairs=1, width=width, height=height)).train
    run = TrainingRun(scene, from_scene(scene, config), config)
    height, width = scene.images[0].shape[:2]
    size = f"{len(run.gaussians['means'])} Gaussians, {width}x{height}"
    for what, peer in (
        ("gsplat's own trainer step", _gsplats_step(run)),
        ("the same, its loss read in every step", lambda: run.advance().read()),
    ):
        record.add(Ratio("A training iteration", size, what, *on.compared(run.advance, peer, 300)))
    record.fact(f"a training iteration at its peak: {on.peak(run.advance)}")


def poses(record: Record, on: Machine) -> None:
    """Cameras of a few pairs by the small networks here and on the CPU."""
    with TemporaryDirectory() as folder:
        data = SampleConfig(root=folder, pairs=8)
        if on.tiny:
            data = replace(data, pairs=1, width=64, height=48)
        samples = load_pairs(data, InputConfig(PAIR))
        for name, kind, config in (
            ("DUSt3R", Dust3rModel, Dust3rConfig(weights="tiny")),
            ("VGGT", VggtModel, VggtConfig(weights="tiny", dtype="float32")),
        ):
            rotations = []
            for device in ("cpu", str(on.device)):
                model = kind.from_config(replace(config, device=device))
                found = [model.reconstruct(sample.image_paths).cam_from_world for sample in samples]
                rotations.append([camera[-1, :3, :3] @ camera[0, :3, :3].T for camera in found])
            apart = max(map(rotation_error_deg, *rotations))
            record.fact(
                f"{name}, small network, {len(samples)} pairs: rotations on {on.device} at most {apart:.4f}° "
                "from the CPU's"
            )


def alignment(record: Record, on: Machine) -> None:
    """DUSt3R's global alignment on the device against our CPU kernel."""
    n, iterations = (3, 5) if on.tiny else (8, 300)
    config = Dust3rConfig(weights="random", device="cpu", alignment=AlignmentConfig(iterations=iterations))
    model = dust3r_with(lambda network: SceneNetwork(network, arc_cameras(n)), config)
    with TemporaryDirectory() as folder:
        predictions = model.predict_pairs(model.load_views(make_photos(Path(folder), n)), "complete")
    spent, loss = [], []
    for device in (on.device, torch.device("cpu")):
        run = partial(align_views, predictions, config.alignment, 0, device)
        spent.append(on.timed(run, 1))
        loss.append(run().notes["alignment_loss"])
    record.add(
        Ratio(
            f"Global alignment on the GPU, {iterations} iterations",
            f"{n} views of 64x48",
            "our CPU kernel",
            *spent,
            f"final objective {loss[0]:.6f} against {loss[1]:.6f}",
        )
    )


def dust3r(record: Record, on: Machine) -> None:
    """The official network on all pairs, random weights; memory against views."""
    torch.manual_seed(0)
    network = (build_tiny_dust3r().eval() if on.tiny else official_network()).to(on.device)
    height, width = (48, 64) if on.tiny else (288, 512)
    n = 2 if on.tiny else 8
    images, pairs = random_images(n, height, width), complete(n)
    theirs = partial(upstream, network, images, pairs, 8, str(on.device))
    apart = difference(dust3r_fast.infer(network, images, pairs), theirs())
    record.add(
        Ratio(
            "DUSt3R network, official size",
            f"{n} views, {len(pairs)} pairs, {width}x{height}",
            "upstream's inference, batches of 8",
            *on.compared(lambda: dust3r_fast.infer(network, images, pairs), theirs, 2),
            f"largest relative difference {apart:.0e}",
        )
    )
    for n in (2, 3) if on.tiny else (2, 4, 8, 16, 24):
        images, pairs = random_images(n, height, width), complete(n)
        peak = on.peak(partial(dust3r_fast.infer, network, images, pairs))
        record.fact(f"DUSt3R, {n} views, {len(pairs)} pairs of {width}x{height}: {peak}")


def vggt(record: Record, on: Machine) -> None:
    """The official network on pairs, random weights; memory against views."""
    torch.manual_seed(0)
    with quiet():
        built = build_tiny_vggt() if on.tiny else import_vggt_parts().VGGT(enable_track=False)
    network: Any = built.eval().to(on.device)
    height, width = (48, 64) if on.tiny else (294, 518)
    half = half_precision(on.device) or torch.bfloat16
    pairs = torch.rand(2 if on.tiny else 8, 2, 3, height, width, device=on.device)
    expected = outputs(network, pairs[:1])["depth"]
    without = sharing(network)
    without.point_head = None

    def ours(images: Tensor) -> dict[str, Tensor]:
        with torch.autocast(on.device.type, dtype=half):
            return outputs(without, images)

    apart = relative_difference(ours(pairs[:1])["depth"], expected)
    record.add(
        Ratio(
            f"VGGT, official size, {str(half).split('.')[1]}, no point head, one batch",
            f"{len(pairs)} pairs, {width}x{height}",
            "upstream's forward, float32, pair by pair",
            *on.compared(lambda: ours(pairs), lambda: [outputs(network, pair[None]) for pair in pairs], 2),
            f"largest relative difference of the depth {apart:.0e}",
        )
    )
    for n in (2, 3) if on.tiny else (2, 8, 16, 32):
        views = torch.rand(1, n, 3, height, width, device=on.device)
        record.fact(f"VGGT, {n} views of {width}x{height}: {on.peak(partial(ours, views))}")
