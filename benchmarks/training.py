"""The parts of a training iteration besides the rasterizer, and whole iterations, against their usual forms.

    python -m benchmarks.training [--quick] [--before REV]

SSIM with its gradient against torch's convolutions with autograd and against torchmetrics; the optimizer's
step against torch's loop over tensors; whole iterations of the sample scene, and one by an earlier revision;
a splat with the threads that hw4 settles on, and as the caller's environment has them.
"""

import os

# torch's OpenMP threads that spin while waiting take the cores of the kernels' threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torchmetrics.functional.image import structural_similarity_index_measure

from benchmarks.earlier import SETTLED, Side, in_turns
from benchmarks.measure import (
    ROOT,
    Ratio,
    Record,
    Scaling,
    Spent,
    best,
    seconds,
    timed,
)
from benchmarks.revisions import start_beside, unpacked
from hw4.config import SampleConfig, SplatConfig
from hw4.data.sample import ensure_sample
from hw4.data.scenes.scene import scene_of
from hw4.splat.start import from_scene
from hw4.splat.training.adam_kernel import adam_step
from hw4.splat.training.losses import ssim, ssim_torch
from hw4.splat.training.step import TrainingRun

SIZES = [(160, 120), (320, 240), (640, 480)]
COUNTS = [10_000, 50_000, 200_000]


def _torchmetrics_ssim(image: Tensor, target: Tensor) -> Tensor:
    pair = (t.permute(2, 0, 1)[None] for t in (image, target))
    return structural_similarity_index_measure(*pair, data_range=1.0)  # type: ignore[return-value]


def _with_gradient(measure: Callable[[Tensor, Tensor], Tensor], image: Tensor, target: Tensor) -> Tensor:
    image.grad = None
    measure(image, target).backward()
    assert image.grad is not None
    return image.grad


def similarity(record: Record) -> None:
    """SSIM, forward and backward."""
    generator = torch.Generator().manual_seed(0)
    sizes, spent = SIZES[:1] if record.quick else SIZES, []
    for width, height in sizes:
        target = torch.rand(height, width, 3, generator=generator)
        image = (target + 0.1 * torch.randn(height, width, 3, generator=generator)).clamp(0, 1)
        image.requires_grad_()
        ours = _with_gradient(ssim, image, target)
        expected = _with_gradient(ssim_torch, image, target)
        apart = float((ours - expected).abs().max() / expected.abs().max())
        times = {
            measure: best(partial(_with_gradient, measure, image, target), 20)
            for measure in (ssim, ssim_torch, _torchmetrics_ssim)
        }
        spent.append(times[ssim])
        for peer, name in (
            (ssim_torch, "torch's convolutions, autograd"),
            (_torchmetrics_ssim, "torchmetrics"),
        ):
            parity = f"largest relative difference of the gradient {apart:.0e}" if peer is ssim_torch else ""
            record.add(
                Ratio(
                    "SSIM, forward and backward", f"{width}x{height}", name, times[ssim], times[peer], parity
                )
            )
    if len(sizes) > 2:
        areas = [float(width * height) for width, height in sizes]
        record.scaling(Scaling("SSIM, forward and backward", "pixels", areas, spent))


def _optimizers(n: int, fused: bool) -> list[torch.optim.Optimizer]:
    shapes = [(n, 3), (n, 3), (n, 4), (n,), (n, 1, 3), (n, 15, 3)]
    parameters = [Parameter(torch.zeros(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    how = {"fused": True} if fused else {"foreach": False}
    return [torch.optim.Adam([p], lr=1e-3, eps=1e-15, **how) for p in parameters]  # type: ignore[arg-type]


def optimizer_step(record: Record) -> None:
    """Adam on all Gaussians, as the trainer takes it, against torch's fused one and its loop."""
    for n in COUNTS[:1] if record.quick else COUNTS:
        ways: list[tuple[str, bool, Callable[[torch.optim.Optimizer], None]]] = [
            ("ours", True, adam_step),
            ("torch's fused", True, lambda optimizer: optimizer.step()),
            ("torch's loop", False, lambda optimizer: optimizer.step()),
        ]
        times, values = {}, {}
        for name, fused, take in ways:
            optimizers = _optimizers(n, fused)

            def step(optimizers: list[torch.optim.Optimizer] = optimizers, take: Any = take) -> None:
                for optimizer in optimizers:
                    take(optimizer)

            times[name] = best(step, 20)
            values[name] = optimizers[0].param_groups[0]["params"][0].detach()
        for name in list(times)[1:]:
            apart = float((values["ours"] - values[name]).abs().max() / values[name].abs().max())
            record.add(
                Ratio(
                    "Adam's step",
                    f"{n} Gaussians of SH degree 3",
                    name,
                    times["ours"],
                    times[name],
                    f"largest relative difference after 20 steps {apart:.0e}",
                )
            )


def _iteration(n_gaussians: int, iterations: int) -> tuple[int, float, float, str]:
    """Gaussians, wall and CPU seconds an iteration, and the size of a photo; of the sample scene."""
    config = SplatConfig()
    config.init.max_points = n_gaussians
    scene = scene_of(SampleConfig()).train
    run = TrainingRun(scene, from_scene(scene, config), config)
    for _ in range(10):
        run.advance()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        run.advance()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    height, width = scene.images[0].shape[:2]
    return len(run.gaussians["means"]), wall / iterations, cpu / iterations, f"{width}x{height}"


def iterations(record: Record) -> None:
    """Whole iterations of the sample scene, with fewer and fewer Gaussians."""
    found = [_iteration(n, 50 if record.quick else 300) for n in (12_000, 6_000, 3_000)]
    for n, wall, cpu, size in found:
        record.fact(
            f"a training iteration, {n} Gaussians, {size}: {seconds(wall)}, of CPU time {seconds(cpu)}"
        )
    record.scaling(
        Scaling(
            "A training iteration",
            "Gaussians",
            [float(n) for n, *_ in found[::-1]],
            [wall for _, wall, *_ in found[::-1]],
        )
    )


def before_and_now(record: Record, revision: str) -> None:
    """An iteration by an earlier revision and by this code, with the same settings of threads, in turns."""
    count, turns = (60, 2) if record.quick else (400, 3)
    with tempfile.TemporaryDirectory() as folder:
        earlier = Side(f"hw4 of {revision}", unpacked(revision, Path(folder, "before")), SETTLED)
        sides = [Side("now", ROOT, SETTLED), earlier]
        both = in_turns(sides, turns, lambda side: side.do("iterations", 12_000, count))
    now, before = (float(one.found["psnr"]) for one in both)
    parity = f"PSNR of the training photos after {count} iterations {now:.2f} dB against {before:.2f} dB"
    size = f"12000 Gaussians, {SampleConfig().width}x{SampleConfig().height}"
    spent, spent_before = (one.spent for one in both)
    what, against = "A training iteration", f"hw4 of {revision}"
    record.add(Ratio(what, size, against, spent["wall"], spent_before["wall"], parity, 1.5))
    record.add(Ratio(f"{what}, CPU time", size, against, spent["cpu"], spent_before["cpu"], "", 1.5))


def thread_settings(record: Record) -> None:
    """A splat as a command runs it, and without what `hw4.launch.threads` settles; best CPU time of turns."""
    count, turns = (20, 1) if record.quick else (400, 2)
    unsettled = "from hw4.launch.cli import main; main()"
    programs = {"hw4's": ["-m", "hw4"], "the caller's": ["-c", unsettled]}
    spent: dict[str, Spent] = {}
    gaussians = []
    with tempfile.TemporaryDirectory() as name:
        sample = ensure_sample(SampleConfig(root=str(Path(name, "sample")), pairs=1))
        overrides = ["task=splat", f"splat.iterations={count}", "splat.video_frames=0", f"data.root={sample}"]
        overrides += ["splat.eval.lpips_download=false", "data.pairs=1", "hydra.run.dir=out"]
        for turn in range(turns):
            for settings in list(programs) if turn % 2 == 0 else list(programs)[::-1]:
                folder = Path(name, f"{settings}_{turn}")
                folder.mkdir()
                one = timed([sys.executable, *programs[settings], *overrides], ROOT, folder)
                spent[settings] = min(spent.get(settings, one), one, key=lambda each: each.cpu)
                gaussians += [path.read_bytes() for path in sorted(Path(folder, "out").rglob("*.ply"))]
    same = "the same PLY" if len(set(gaussians)) == 1 else "OTHER PLY FILES"
    ours, theirs = spent.values()
    # A quarter less is asked for.
    what = "CPU time of a splat, threads by hw4's settings"
    ratio = Ratio(what, f"{count} iterations", "the caller's environment", ours.cpu, theirs.cpu, same, 4 / 3)
    record.add(ratio)
    record.fact(f"by the clock: {seconds(ours.wall)} against {seconds(theirs.wall)}")


def main(argv: Sequence[str] | None = None) -> None:
    record, revision = start_beside("training", __doc__, argv)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    similarity(record)
    optimizer_step(record)
    iterations(record)
    before_and_now(record, revision)
    thread_settings(record)
    record.save()


if __name__ == "__main__":
    main()
